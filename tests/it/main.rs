//! Black-box tests through the program: real repositories, real servers on
//! loopback, a sandbox of its own for each test. One file a topic.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
#![expect(clippy::disallowed_methods, reason = "tests start the program, git and servers, in an environment that they set")]
#![expect(clippy::type_complexity, clippy::struct_field_names, reason = "tables of cases read best in one place")]

mod support;

mod architecture;
mod autumn;
mod cache;
mod check;
mod concurrency;
mod crowd;
mod diff;
mod faults;
mod fetch;
mod fetch_again;
mod hostile;
mod integrity;
mod json;
mod kamelets;
mod kinds;
mod lies;
mod limits;
mod look;
mod meddling;
mod merge;
mod merge_frends;
mod merge_kamelets;
mod new;
#[cfg(unix)]
mod places;
#[cfg(unix)]
mod prompts;
mod publish;
mod publish_edges;
mod publish_from;
mod publish_words;
mod readme;
mod records;
mod registries;
mod registry_check;
mod registry_help;
mod registry_init;
mod registry_past;
mod restore;
mod round;
mod safety;
mod schema;
mod secrets;
mod servers;
mod update;
mod update_answers;
mod update_around;
mod update_back;
mod update_faults;
mod update_names;
mod update_table;
mod variables;
