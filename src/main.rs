//! Parse, run, exit status.

use std::process::ExitCode;

#[expect(clippy::disallowed_methods, reason = "the one place that asks where the program was started")]
fn main() -> ExitCode {
    let started_in = std::env::current_dir().unwrap_or_default();
    ExitCode::from(forum::cli::run(std::env::args_os().collect(), &started_in))
}
