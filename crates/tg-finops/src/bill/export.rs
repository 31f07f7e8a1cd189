//! The files of an export, checked not to bill one month twice.

use crate::files::under;
use crate::input::BadInput;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The files of one export.
pub(super) struct Export {
    files: Vec<PathBuf>,
    /// In which folder each billing period lies.
    periods: BTreeMap<String, PathBuf>,
}

impl Export {
    pub(super) fn find(path: &Path) -> Result<Self, BadInput> {
        let about = fs::metadata(path).map_err(|error| BadInput::unreadable(path, &error))?;
        let files = if about.is_dir() { under(path, &is_export)? } else { vec![path.to_owned()] };
        if files.is_empty() {
            return Err(BadInput::of(path, "there is no .csv, .csv.gz, .gz or .parquet file in this folder"));
        }
        Ok(Self { files, periods: BTreeMap::new() })
    }

    pub(super) fn files(&self) -> Vec<PathBuf> {
        self.files.clone()
    }

    /// Notes the billing period of a file. An export that keeps every delivery has the same month in several folders,
    /// each of them whole.
    pub(super) fn has_period(&mut self, file: &Path, period: String) -> Result<(), BadInput> {
        let folder = file.parent().unwrap_or(Path::new("")).to_owned();
        match self.periods.get(&period) {
            Some(other) if *other != folder => {
                let other = other.display();
                let problem = format!(
                    "the billing period {period} is here and in {other}, so it would count twice; name one of the two"
                );
                Err(BadInput::of(file, problem))
            }
            Some(_) => Ok(()),
            None => {
                self.periods.insert(period, folder);
                Ok(())
            }
        }
    }
}

fn is_export(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "csv" || e == "gz" || e == "parquet")
}
