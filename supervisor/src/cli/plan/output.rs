//! The report on disk: whole or not at all, and never over something that is no report.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::twin::sizing::report::MARK;

/// What a report is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// One page with all.
    Html,
    /// One picture with all.
    Svg,
}

/// How much of a file is looked at for the mark of a report.
const HEAD: u64 = 1024;

/// The form that a file's name asks for, if a report can be written there at all.
pub(super) fn form_of(file: &Path) -> anyhow::Result<Form> {
    let name = file.display();
    let extension = file.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
    let form = match extension.as_deref() {
        Some("html" | "htm") => Form::Html,
        Some("svg") => Form::Svg,
        _ => bail!("--report {name}: a report is a .html or a .svg file"),
    };
    match fs::metadata(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("--report {name}")),
        Ok(found) if !found.is_file() => bail!("--report {name}: is no file"),
        Ok(_) if !is_report(file).with_context(|| format!("--report {name}"))? => {
            bail!(
                "--report {name}: is there and is no report of `heliostat plan`; remove it or choose another name"
            )
        }
        Ok(_) => {}
    }
    let folder = folder_of(file);
    if !folder.is_dir() {
        bail!("--report {name}: there is no folder {}", folder.display());
    }
    Ok(form)
}

/// Whether a file was written by an earlier run, or is empty.
fn is_report(file: &Path) -> io::Result<bool> {
    let mut head = Vec::new();
    File::open(file)?.take(HEAD).read_to_end(&mut head)?;
    Ok(head.is_empty() || String::from_utf8_lossy(&head).contains(MARK))
}

fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Writes beside the file, then renames: a reader sees the old one or the new one, whole.
pub(super) fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    // A link keeps pointing where it points.
    let file = &fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let mut beside = file.as_os_str().to_owned();
    beside.push(format!(".{}.new", std::process::id()));
    let beside = PathBuf::from(beside);
    let written = File::create(&beside)
        .and_then(|mut out| out.write_all(text.as_bytes()).and_then(|()| out.sync_all()))
        .and_then(|()| fs::rename(&beside, file));
    if written.is_err() {
        // What is left of it helps nobody; the first error is the one to tell.
        let _ = fs::remove_file(&beside);
    }
    written.with_context(|| format!("--report {}: cannot be written", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_report_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("site.svg");
        assert_eq!(form_of(&file).unwrap(), Form::Svg);
        write(&file, &format!("<svg><!-- {MARK} --></svg>")).unwrap();
        assert_eq!(form_of(&file).unwrap(), Form::Svg, "its own report");
        fs::write(&file, "<svg>a drawing of many hours</svg>").unwrap();
        let error = form_of(&file).unwrap_err().to_string();
        assert!(error.contains("no report") && error.contains("site.svg"), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_name_that_cannot_be_is_told_before_anything_is_computed() {
        let folder = tempfile::tempdir().unwrap();
        let said = |name: &str| form_of(&folder.path().join(name)).unwrap_err().to_string();
        assert!(said("report.pdf").contains(".html or a .svg"));
        assert!(said("missing/report.html").contains("there is no folder"));
        fs::create_dir(folder.path().join("a.html")).unwrap();
        assert!(said("a.html").contains("is no file"));
    }
}
