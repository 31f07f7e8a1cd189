//! An export as CSV (RFC 4180), one record in memory at a time.

use super::Each;
use super::columns::{COLUMNS, Column, Values, check, modern};
use crate::input::BadInput;
use csv_core::{ReadRecordResult, Reader};
use std::io::BufRead;
use std::path::Path;

/// Longest record: tags and descriptions of a line are a few kilobytes.
const RECORD_BYTES_MAX: usize = 1 << 20;
/// Most columns; CUR 2.0 has 115, the older report some hundreds.
const FIELDS_MAX: usize = 4096;

/// Records, one at a time.
struct Records<'a> {
    path: &'a Path,
    input: Box<dyn BufRead>,
    reader: Reader,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    number: u64,
}

impl Records<'_> {
    /// Reads the next record and answers how many fields it has; `None` after the last.
    fn next(&mut self) -> Result<Option<usize>, BadInput> {
        self.number += 1;
        let (mut written, mut fields) = (0, 0);
        loop {
            let input = self.input.fill_buf().map_err(|error| BadInput::unreadable(self.path, &error))?;
            let (result, read, wrote, ended) =
                self.reader.read_record(input, &mut self.bytes[written..], &mut self.ends[fields..]);
            self.input.consume(read);
            written += wrote;
            fields += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::Record => return Ok(Some(fields)),
                ReadRecordResult::End => return Ok(None),
                ReadRecordResult::OutputFull if self.bytes.len() < RECORD_BYTES_MAX => {
                    self.bytes.resize(self.bytes.len() * 2, 0);
                }
                ReadRecordResult::OutputEndsFull if self.ends.len() < FIELDS_MAX => {
                    self.ends.resize(self.ends.len() * 2, 0);
                }
                ReadRecordResult::OutputFull => {
                    return Err(self.wrong(format!("longer than {RECORD_BYTES_MAX} bytes; this is no export")));
                }
                ReadRecordResult::OutputEndsFull => {
                    return Err(self.wrong(format!("more than {FIELDS_MAX} columns; this is no export")));
                }
            }
        }
    }

    fn field(&self, at: usize) -> Result<&str, BadInput> {
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        std::str::from_utf8(&self.bytes[start..self.ends[at]]).map_err(|_| self.wrong("it is not UTF-8"))
    }

    fn wrong(&self, problem: impl std::fmt::Display) -> BadInput {
        BadInput::at(self.path, "record", self.number, problem)
    }
}

/// Reads a whole file.
pub(super) fn read(path: &Path, input: Box<dyn BufRead>, each: Each<'_>) -> Result<(), BadInput> {
    let (bytes, ends) = (vec![0; 1 << 14], vec![0; 256]);
    let mut records = Records { path, input, reader: Reader::new(), bytes, ends, number: 0 };
    let Some(width) = records.next()? else {
        return Err(BadInput::of(path, "it is empty"));
    };
    let names = (0..width).map(|at| records.field(at).map(modern)).collect::<Result<Vec<_>, _>>()?;
    check(path, names.iter().map(String::as_str))?;
    let wanted: Vec<(usize, Column)> =
        names.iter().enumerate().filter_map(|(at, name)| Some((at, known(name)?))).collect();
    let mut period = String::new();
    while let Some(fields) = records.next()? {
        if fields != width {
            return Err(records.wrong(format!("{fields} fields, where the heading has {width}; is the file cut off?")));
        }
        let mut values = Values::default();
        for (at, column) in &wanted {
            values.texts.insert(*column, records.field(*at)?.to_owned());
        }
        let new = (values.period() != period).then(|| values.period().to_owned());
        period.clone_from(new.as_ref().unwrap_or(&period.clone()));
        each(new, values.line().map_err(|problem| records.wrong(problem))?)?;
    }
    Ok(())
}

fn known(name: &str) -> Option<Column> {
    COLUMNS.iter().find(|(_, known, _)| *known == name).map(|(column, ..)| *column)
}
