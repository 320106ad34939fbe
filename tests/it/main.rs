//! Black-box tests through the program: real repositories, real servers on
//! loopback, a sandbox of its own for each test. One file a topic.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
#![expect(clippy::disallowed_methods, reason = "the tests start processes and read the environment; the program has one place for that")]

mod support;

mod concurrency;
mod fetch;
mod hostile;
mod integrity;
mod json;
mod kinds;
mod servers;
