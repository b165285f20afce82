//! `heliostat plan`: what to expect of a site before anything is bought, and what to buy next.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use hardware::battery::Chemistry;
use protocol::{Charge, Power};

use crate::twin::sizing::report::{self, Report};
use crate::twin::sizing::{Study, changes_of, compare, what_next};

mod alternatives;
mod input;
mod output;
mod print;
mod progress;

use output::Form;
use progress::Progress;

/// What `plan` is given.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// How many nodes, 1 to 64
    #[arg(long, value_name = "N")]
    nodes: Option<u32>,
    /// The battery's capacity as its label says, like 70Ah; several (70Ah,100Ah) are compared
    #[arg(long, value_name = "AH", value_delimiter = ',', value_parser = input::capacity)]
    battery: Vec<Charge>,
    /// The battery's chemistry: agm, flooded, gel or lifepo4
    #[arg(long)]
    chemistry: Option<Chemistry>,
    /// The panel's power as its label says, like 100W; several (100W,150W) are compared
    #[arg(long, value_name = "W", value_delimiter = ',', value_parser = input::panel)]
    panel: Vec<Power>,
    /// Degrees north, negative in the south
    #[arg(long, value_name = "DEGREES", allow_negative_numbers = true, value_parser = input::latitude)]
    latitude: Option<f64>,
    /// Degrees east, negative in the west; only counts with --weather
    #[arg(long, value_name = "DEGREES", allow_negative_numbers = true, value_parser = input::longitude)]
    longitude: Option<f64>,
    /// A measured sky as CSV: a time, `ghi_W_m2` or `plane_W_m2`, `temp_C`
    #[arg(long, value_name = "FILE", conflicts_with = "climate")]
    weather: Option<PathBuf>,
    /// What the sky is like: equatorial, temperate or dry; by latitude if not said
    #[arg(long, value_parser = input::climate)]
    climate: Option<input::Sky>,
    /// A site file; what else is said here counts instead of what is in it
    #[arg(long, value_name = "FILE")]
    site: Option<PathBuf>,
    /// The board of all nodes: pi-zero2w, pi3b, pi3b+, pi4 or pi5; several are compared
    #[arg(long, value_name = "BOARD", value_delimiter = ',', value_parser = input::board)]
    board: Vec<&'static hardware::boards::Board>,
    /// What the network switch takes, like 6W
    #[arg(long, value_name = "W", value_parser = input::switch)]
    network: Option<Power>,
    /// No relays: a node that is off still draws its halted power
    #[arg(long)]
    no_relays: bool,
    /// Days of each simulated year, 14 to 3650
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u32).range(14..=3650))]
    days: u32,
    /// How many years, each under its own sky, 1 to 50
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=50))]
    seeds: u64,
    /// Further alternatives to compare, as TOML
    #[arg(long, value_name = "FILE")]
    alternatives: Option<PathBuf>,
    /// Write a report with plots to this file: .html or .svg
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Plans.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    // Where the report cannot go is said before anything is computed.
    let form = args.report.as_deref().map(output::form_of).transpose()?;
    let mut sites = input::sites(args)?;
    if let Some(file) = &args.alternatives {
        let further = alternatives::read(file, &sites[0].site)?;
        sites.extend(further);
    }
    let first = &sites[0].site;
    let mut progress = Progress::new((sites.len() + changes_of(first)) * args.seeds as usize);
    let studies = compare(&sites, args.seeds, args.days, || progress.step());
    let gains = studies
        .first()
        .map(|(study, skies)| what_next(first, &study.expected, skies, || progress.step()))
        .unwrap_or_default();
    progress.done();
    let studies: Vec<Study> = studies.into_iter().map(|(study, _)| study).collect();
    let report = Report { sites: &sites, studies: &studies, gains: &gains };
    if let (Some(file), Some(form)) = (&args.report, form) {
        let text = match form {
            Form::Html => report::html(&report),
            Form::Svg => report::svg(&report),
        };
        output::write(file, &text)?;
    }
    let mut out = io::stdout().lock();
    if args.json {
        print::json(&mut out, &report)?;
    } else {
        print::text(&mut out, &report, args.report.as_deref())?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
