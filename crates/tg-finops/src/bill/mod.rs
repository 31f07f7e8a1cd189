//! AWS's bill as Data Exports writes it (CUR 2.0, CSV or Parquet), read line by line in bounded memory.

mod columns;
mod csv;
mod export;
mod parquet;
mod usage_type;

pub use usage_type::{Metered, TokenKind, metered};

use crate::decimal::Decimal;
use crate::files::{self, Content};
use crate::input::BadInput;
use export::Export;
use std::path::Path;
use tg_kernel::clock::Timestamp;

/// One line of a bill that is about Amazon Bedrock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BillLine {
    /// The beginning of the hour or day to which it belongs.
    pub start: Timestamp,
    /// `Usage`, `EdpDiscount`, `Tax`, and so on.
    pub item_type: String,
    /// What was used, where, and how: `USE1-Claude4.6Sonnet-input-tokens`.
    pub usage_type: String,
    /// The product's name, where the export has it: the only place that names the model of a Marketplace line.
    pub product_name: String,
    /// How much, in [`BillLine::unit`].
    pub amount: Decimal,
    /// `1K tokens`, `1M tokens`, `Units`.
    pub unit: String,
    /// US dollars, before taxes.
    pub cost: Decimal,
    /// The ARN of who called; empty where the export has it not.
    pub principal: String,
    /// The ARN of the inference profile or model; empty where the export has it not.
    pub resource: String,
    /// Cost allocation tags.
    pub tags: Vec<(String, String)>,
}

/// What reading a bill has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Files.
    pub files: u64,
    /// Lines about Amazon Bedrock.
    pub bedrock_lines: u64,
    /// All other lines.
    pub other_lines: u64,
}

/// Reads an export: a file, or a folder with all that is beneath it. Each line about Amazon Bedrock is given to `take`.
///
/// # Errors
/// The first file or line that cannot be used, and how to mend it. `take` may have been called before.
pub fn read(path: &Path, take: &mut dyn FnMut(BillLine)) -> Result<Seen, BadInput> {
    let mut export = Export::find(path)?;
    let mut seen = Seen::default();
    for file in export.files() {
        seen.files += 1;
        let mut each = |period: Option<String>, line: Option<BillLine>| {
            if let Some(period) = period {
                export.has_period(&file, period)?;
            }
            match line {
                Some(line) => {
                    seen.bedrock_lines += 1;
                    take(line);
                }
                None => seen.other_lines += 1,
            }
            Ok(())
        };
        match files::open(&file)? {
            Content::Text(text) => csv::read(&file, text, &mut each)?,
            Content::Parquet(opened) => parquet::read(&file, opened, &mut each)?,
        }
    }
    if seen.bedrock_lines + seen.other_lines == 0 {
        return Err(BadInput::of(path, "the export has no lines"));
    }
    Ok(seen)
}

/// Takes a line's billing period, where it is new, and the line, where it is about Bedrock.
type Each<'a> = &'a mut dyn FnMut(Option<String>, Option<BillLine>) -> Result<(), BadInput>;
