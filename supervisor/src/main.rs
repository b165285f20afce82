//! `heliostat`: the supervisor and the operator's tool.

use std::process::ExitCode;

fn main() -> ExitCode {
    supervisor::cli::main()
}
