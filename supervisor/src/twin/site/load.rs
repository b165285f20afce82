//! Reads a site file from disk. Nothing else in the twin touches one.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::{Site, SiteError};

/// Gives the text of a file that a site file names.
pub type Reader<'a> = &'a mut dyn FnMut(&Path) -> io::Result<String>;

/// The most that is read of a site file, and of a weather's CSV: ten years by the minute.
const SITE_BYTES_MAX: u64 = 1024 * 1024;
const RECORD_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Reads and proves a site file; files that it names lie beside it.
pub(super) fn load(file: &Path) -> Result<Site, SiteError> {
    let text = text(file, SITE_BYTES_MAX).map_err(|why| SiteError::Read { file: file.to_owned(), why })?;
    let folder = file.parent().map(Path::to_owned).unwrap_or_default();
    Site::parse(&text, file, &mut |named: &Path| text_beside(&folder, named))
}

fn text_beside(folder: &Path, named: &Path) -> io::Result<String> {
    let file: PathBuf = folder.join(named);
    text(&file, RECORD_BYTES_MAX)
}

/// For a text that names no files.
pub(super) fn no_files(_: &Path) -> io::Result<String> {
    Err(io::Error::new(io::ErrorKind::NotFound, "the built-in example names no file"))
}

#[expect(clippy::disallowed_methods, reason = "a site is a file; no core reads it")]
fn text(file: &Path, most: u64) -> io::Result<String> {
    let mut text = String::new();
    let read = std::fs::File::open(file)?.take(most + 1).read_to_string(&mut text)?;
    if read as u64 > most {
        let words = format!("longer than {most} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, words));
    }
    Ok(text)
}
