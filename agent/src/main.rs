//! `heliostat-agent`: keeps one node and its SD card safe as the energy falls.

use std::process::ExitCode;

fn main() -> ExitCode {
    agent::cli::main()
}
