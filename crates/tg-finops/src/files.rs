//! Files that were named: found beneath a folder, told apart by their first bytes, unpacked while they are read.

use crate::input::BadInput;
use flate2::read::MultiGzDecoder;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read as _, Seek as _};
use std::path::{Path, PathBuf};

/// Most files of one folder.
const FILES_MAX: usize = 100_000;
/// Deepest folder beneath the one that was named.
const DEPTH_MAX: usize = 16;

/// What is in a file.
pub(crate) enum Content {
    /// CSV, unpacked while it is read.
    Text(Box<dyn BufRead>),
    /// Parquet.
    Parquet(File),
}

/// Every file beneath a folder that is wanted, in the order of their names. Hidden ones are left out.
pub(crate) fn under(folder: &Path, wanted: &dyn Fn(&Path) -> bool) -> Result<Vec<PathBuf>, BadInput> {
    let mut found = Vec::new();
    let mut waiting = vec![(folder.to_owned(), 0)];
    while let Some((at, depth)) = waiting.pop() {
        if depth > DEPTH_MAX {
            return Err(BadInput::of(
                &at,
                format!("this folder lies more than {DEPTH_MAX} deep; name one nearer to it"),
            ));
        }
        let entries = fs::read_dir(&at).map_err(|error| BadInput::unreadable(&at, &error))?;
        for entry in entries {
            let entry = entry.map_err(|error| BadInput::unreadable(&at, &error))?;
            let path = entry.path();
            let kind = entry.file_type().map_err(|error| BadInput::unreadable(&path, &error))?;
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            if kind.is_dir() {
                waiting.push((path, depth + 1));
            } else if wanted(&path) {
                found.push(path);
            }
            if found.len() > FILES_MAX {
                return Err(BadInput::of(folder, format!("more than {FILES_MAX} files; name a folder with fewer")));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Opens a file by what it holds, whatever it is called.
pub(crate) fn open(path: &Path) -> Result<Content, BadInput> {
    let unreadable = |error: std::io::Error| BadInput::unreadable(path, &error);
    let mut file = File::open(path).map_err(unreadable)?;
    let mut first = Vec::new();
    (&file).take(4).read_to_end(&mut first).map_err(unreadable)?;
    file.rewind().map_err(unreadable)?;
    match first.as_slice() {
        b"PAR1" => Ok(Content::Parquet(file)),
        [0x1f, 0x8b, ..] => Ok(Content::Text(unpacked(file))),
        b"PK\x03\x04" => Err(BadInput::of(path, "it is a ZIP archive; unpack it first")),
        _ if path.extension().is_some_and(|e| e == "parquet") => {
            Err(BadInput::of(path, "it is called .parquet and does not begin as Parquet does; copy the file again"))
        }
        _ => text(path, file),
    }
}

fn unpacked(file: File) -> Box<dyn BufRead> {
    Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(BufReader::with_capacity(1 << 16, file))))
}

fn text(path: &Path, file: File) -> Result<Content, BadInput> {
    if path.extension().is_some_and(|e| e == "gz") {
        return Err(BadInput::of(path, "it is called .gz and is not compressed by gzip; copy the file again"));
    }
    Ok(Content::Text(Box::new(BufReader::with_capacity(1 << 16, file))))
}

/// Opens a file of text lines, unpacked while it is read.
pub(crate) fn lines(path: &Path) -> Result<Box<dyn BufRead>, BadInput> {
    match open(path)? {
        Content::Text(text) => Ok(text),
        Content::Parquet(_) => Err(BadInput::of(path, "it is Parquet; invocation logs are lines of JSON")),
    }
}
