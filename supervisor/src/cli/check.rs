//! `heliostat check`: proves a config file without running anything.

use std::io::{self, Write};
use std::process::ExitCode;

pub(super) use super::serve::Args;
use crate::core::settings::SiteSettings;
use crate::io::enrolment::Folder;

/// Says what would run, or what is wrong.
pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = args.config()?;
    let mut out = io::stdout().lock();
    writeln!(out, "The config is sound.")?;
    let trust = Folder::of(&config.data).load()?;
    let protected = if trust.is_some() { "TLS" } else { "in clear" };
    writeln!(out, "  agents connect to   {}, {protected}", config.listen)?;
    if let Some(held) = trust {
        writeln!(out, "  supervisor          {} under the authority", held.who.name)?;
        writeln!(out, "    {}", held.fingerprint())?;
    }
    writeln!(out, "  operators ask on    {}", config.socket.display())?;
    writeln!(out, "  journal             {}", config.journal_path().display())?;
    let host = config.settings.host.map_or_else(|| "unknown".to_owned(), |host| host.to_string());
    writeln!(out, "  runs on node        {host}")?;
    for (name, supply) in &config.settings.supplies {
        let count = supply.nodes.len();
        writeln!(out, "  supply {name}: {}, {count} expected node(s)", supply.chemistry)?;
        match &supply.site {
            Some(site) => writeln!(out, "    planned with the sun: {}", site_words(site))?,
            None => writeln!(out, "    planned by thresholds: it has no [supply.site]")?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A site with every default filled in.
fn site_words(site: &SiteSettings) -> String {
    let (place, plane) = (&site.site, site.site.plane());
    let panel = place.label().map_or_else(|| "of unknown power".to_owned(), |label| format!("of {label}"));
    format!(
        "latitude {}, longitude {}, panel {panel} tilted by {} towards {}, battery {}, absorption {}, float {}",
        place.latitude().degrees(),
        place.longitude().degrees(),
        plane.tilt.degrees(),
        plane.azimuth.degrees(),
        site.capacity,
        site.absorption,
        site.float
    )
}
