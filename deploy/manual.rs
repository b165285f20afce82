//! Writes the manual pages and shell completions of both programs, from the very commands that they understand.
//!
//! `manual FOLDER` makes `FOLDER/man/*.{1,8}` and `FOLDER/completions/{bash,zsh,fish}/*`. A tool for packaging, so that
//! the programs themselves stay small.

#![allow(clippy::disallowed_methods, reason = "a tool that writes files")]

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap_complete::Shell;

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("manual: name a folder to write to");
        return ExitCode::from(2);
    };
    // Section 1 is what people use, 8 what runs the machine.
    let programs =
        [("heliostat", supervisor::cli::command(), "1"), ("heliostat-agent", agent::cli::command(), "8")];
    for (name, command, section) in programs {
        if let Err(error) = write(&folder, name, &command, section) {
            eprintln!("manual: {name}: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn write(folder: &Path, name: &str, command: &clap::Command, section: &str) -> io::Result<()> {
    let man = folder.join("man");
    fs::create_dir_all(&man)?;
    let mut whole = command.clone().disable_help_subcommand(true);
    // Tells every subcommand how it is called.
    whole.build();
    page(&man, name, &whole, section)?;
    for sub in whole.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        page(&man, &format!("{name}-{}", sub.get_name()), sub, section)?;
    }
    for (shell, file) in [
        (Shell::Bash, name.to_owned()),
        (Shell::Zsh, format!("_{name}")),
        (Shell::Fish, format!("{name}.fish")),
    ] {
        let to = folder.join("completions").join(shell.to_string());
        fs::create_dir_all(&to)?;
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut command.clone(), name, &mut text);
        fs::write(to.join(file), text)?;
    }
    Ok(())
}

/// One page, under the name by which `man` finds it.
fn page(folder: &Path, name: &str, command: &clap::Command, section: &str) -> io::Result<()> {
    // The parser wants names that live as long as the program: this one ends when the pages are written.
    let spoken: &'static str = Box::leak(name.to_owned().into_boxed_str());
    let mut text = Vec::new();
    clap_mangen::Man::new(command.clone().name(spoken))
        .section(section)
        .manual("Heliostat")
        .render(&mut text)?;
    fs::write(folder.join(format!("{name}.{section}")), text)
}
