//! `heliostat-agent`: keeps one node and its SD card safe as the energy falls.

use std::process::ExitCode;

mod cli;

fn main() -> ExitCode {
    cli::main()
}
