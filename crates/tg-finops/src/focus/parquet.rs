//! Rows as Parquet: decimals as DECIMAL(38, 12), times as UTC microseconds, texts as UTF-8, packed by Snappy.

use super::columns::{COLUMNS, Column, Row, Shape, Value};
use super::{Account, Charge, ChargeKey};
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, FixedLenByteArray, FixedLenByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{Type, TypePtr};
use std::io::Write;
use std::sync::Arc;

/// Rows of one row group, which is in memory until it is written.
const GROUP_ROWS: usize = 20_000;
/// Digits of a decimal; 16 bytes hold them.
const PRECISION: i32 = 38;
const SCALE: i32 = 12;
const DECIMAL_BYTES: i32 = 16;

/// The file cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("the Parquet file cannot be written: {0}")]
pub struct WriteError(#[from] ParquetError);

/// Writes rows in groups.
pub struct ParquetWriter<W: Write + Send> {
    to: SerializedFileWriter<W>,
    account: Account,
    waiting: Vec<(ChargeKey, Charge)>,
}

impl<W: Write + Send> ParquetWriter<W> {
    /// Begins the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new(to: W, account: Account) -> Result<Self, WriteError> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by("tallygate".to_owned())
            .build();
        let to = SerializedFileWriter::new(to, schema()?, Arc::new(properties))?;
        Ok(Self { to, account, waiting: Vec::new() })
    }

    /// Writes rows.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn rows(&mut self, rows: Vec<(ChargeKey, Charge)>) -> Result<(), WriteError> {
        self.waiting.extend(rows);
        if self.waiting.len() >= GROUP_ROWS { self.group() } else { Ok(()) }
    }

    /// Writes what is left, and the file's end, and gives back where to.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> Result<W, WriteError> {
        if !self.waiting.is_empty() {
            self.group()?;
        }
        Ok(self.to.into_inner()?)
    }

    fn group(&mut self) -> Result<(), WriteError> {
        let waiting = std::mem::take(&mut self.waiting);
        let rows: Vec<Row<'_>> = waiting.iter().map(|(key, charge)| Row::of(key, charge, &self.account)).collect();
        let mut group = self.to.next_row_group()?;
        for column in &COLUMNS {
            let Some(mut writer) = group.next_column()? else { break };
            write(&mut writer, column, &rows)?;
            writer.close()?;
        }
        group.close()?;
        Ok(())
    }
}

fn schema() -> Result<TypePtr, ParquetError> {
    let fields = COLUMNS.iter().map(|column| field(column).map(Arc::new)).collect::<Result<Vec<_>, _>>()?;
    Ok(Arc::new(Type::group_type_builder("focus").with_fields(fields).build()?))
}

fn field(column: &Column) -> Result<Type, ParquetError> {
    let (physical, logical) = match column.shape {
        Shape::Text | Shape::Json => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Shape::Decimal => (Physical::FIXED_LEN_BYTE_ARRAY, Some(LogicalType::decimal(SCALE, PRECISION))),
        Shape::Time => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS))),
        Shape::Count => (Physical::INT64, None),
    };
    let repetition = if column.nullable { Repetition::OPTIONAL } else { Repetition::REQUIRED };
    let field = Type::primitive_type_builder(column.name, physical).with_repetition(repetition);
    let field = field.with_logical_type(logical);
    match column.shape {
        Shape::Decimal => field.with_length(DECIMAL_BYTES).with_precision(PRECISION).with_scale(SCALE).build(),
        _ => field.build(),
    }
}

fn write(to: &mut SerializedColumnWriter<'_>, column: &Column, rows: &[Row<'_>]) -> Result<(), ParquetError> {
    let values: Vec<Value<'_>> = rows.iter().map(column.value).collect();
    let defined: Option<Vec<i16>> =
        column.nullable.then(|| values.iter().map(|value| i16::from(*value != Value::Null)).collect());
    let defined = defined.as_deref();
    let there = values.into_iter().filter(|value| *value != Value::Null);
    match column.shape {
        Shape::Text | Shape::Json => {
            let texts: Vec<ByteArray> = there
                .filter_map(|value| if let Value::Text(text) = value { Some(text.as_ref().into()) } else { None })
                .collect();
            to.typed::<ByteArrayType>().write_batch(&texts, defined, None)?;
        }
        Shape::Decimal => {
            let numbers: Vec<FixedLenByteArray> = there
                .filter_map(|value| if let Value::Decimal(number) = value { Some(number) } else { None })
                .map(|number| FixedLenByteArray::from(number.picos().to_be_bytes().to_vec()))
                .collect();
            to.typed::<FixedLenByteArrayType>().write_batch(&numbers, defined, None)?;
        }
        Shape::Time | Shape::Count => {
            let numbers: Vec<i64> = there
                .filter_map(|value| match value {
                    Value::Time(at) => Some(at.micros()),
                    Value::Count(count) => Some(count),
                    _ => None,
                })
                .collect();
            to.typed::<Int64Type>().write_batch(&numbers, defined, None)?;
        }
    }
    Ok(())
}
