//! An export as Parquet: only the columns that are read, a page of each in memory at a time.

use super::Each;
use super::columns::{COLUMNS, Column, Values, check};
use crate::input::BadInput;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::{Field, Map, Row};
use parquet::schema::types::Type;
use std::fs::File;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use tg_kernel::clock::Timestamp;

/// Reads a whole file.
pub(super) fn read(path: &Path, file: File, each: Each<'_>) -> Result<(), BadInput> {
    // The reader checks much of what it reads, and panics at some of the rest; what was taken until then is given up.
    let whole = std::panic::catch_unwind(AssertUnwindSafe(|| rows(path, file, each)));
    whole.unwrap_or_else(|_| Err(BadInput::of(path, "its data are broken; copy the file again")))
}

fn rows(path: &Path, file: File, each: Each<'_>) -> Result<(), BadInput> {
    let reader = SerializedFileReader::new(file).map_err(|error| broken(path, &error))?;
    let schema = reader.metadata().file_metadata().schema();
    check(path, schema.get_fields().iter().map(|field| field.name()))?;
    let wanted: Vec<_> =
        schema.get_fields().iter().filter(|field| known(field.name()).is_some()).map(Arc::clone).collect();
    let projection = Type::group_type_builder(schema.name()).with_fields(wanted).build();
    let projection = projection.map_err(|error| broken(path, &error))?;
    let rows = reader.get_row_iter(Some(projection)).map_err(|error| broken(path, &error))?;
    let mut period = String::new();
    for (number, row) in (1..).zip(rows) {
        let values = values(row.map_err(|error| broken(path, &error))?);
        let wrong = |problem| BadInput::at(path, "row", number, problem);
        let values = values.map_err(wrong)?;
        let new = (values.period() != period).then(|| values.period().to_owned());
        if let Some(new) = &new {
            period.clone_from(new);
        }
        each(new, values.line().map_err(wrong)?)?;
    }
    Ok(())
}

fn broken(path: &Path, error: &ParquetError) -> BadInput {
    BadInput::of(path, format!("it cannot be read as Parquet ({error}); copy the whole file"))
}

fn known(name: &str) -> Option<Column> {
    COLUMNS.iter().find(|(_, known, _)| *known == name).map(|(column, ..)| *column)
}

fn values(row: Row) -> Result<Values, String> {
    let mut values = Values::default();
    for (name, field) in row.into_columns() {
        let Some(column) = known(&name) else { continue };
        match field {
            Field::Null => {}
            Field::MapInternal(map) => {
                values.maps.insert(column, texts(&map));
            }
            other => {
                values
                    .texts
                    .insert(column, text(other).ok_or_else(|| format!("{name} has a type that no export has"))?);
            }
        }
    }
    Ok(values)
}

fn texts(map: &Map) -> Vec<(String, String)> {
    let pairs = map.entries().iter().filter_map(|entry| match entry {
        (Field::Str(key), Field::Str(value)) => Some((key.clone(), value.clone())),
        _ => None,
    });
    pairs.collect()
}

/// A value as the CSV of the same export has it. A double is written as shortly as it can be read back, which is the
/// decimal that AWS rounded it from.
fn text(field: Field) -> Option<String> {
    Some(match field {
        Field::Str(text) => text,
        Field::Double(number) => number.to_string(),
        Field::Float(number) => number.to_string(),
        Field::Int(number) => number.to_string(),
        Field::Long(number) => number.to_string(),
        Field::TimestampMillis(millis) => Timestamp::from_micros(millis.saturating_mul(1000)).to_string(),
        Field::TimestampMicros(micros) => Timestamp::from_micros(micros).to_string(),
        number @ Field::Decimal(_) => number.to_string(),
        _ => return None,
    })
}
