//! The texts in files: PDF, Word, Excel, PowerPoint and OpenDocument; also those that nobody sees on their pages.
//!
//! Pure functions, bounded in time, memory and depth. What is not read whole is not read at all: there is a reason then, and
//! never a part of the text. Where readers of files may disagree about what a file says, it counts as damaged, or all that it
//! may say is taken.

mod archive;
mod budget;
mod markup;
mod office;
mod pdf;
mod shown;
#[cfg(test)]
mod tests;
mod workbook;

pub use budget::Limits;

use budget::Budget;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Largest file that is read, as it comes. Providers take 4.5 MB (Converse) to 32 MB (Anthropic).
pub const FILE_BYTES_MAX: usize = 32 << 20;

/// How deep files may lie within each other.
pub const NESTING_MAX: usize = 3;

/// All that a file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layers {
    /// Its text. Where it can be read in several ways, all of them, one behind the other.
    pub text: String,
    /// Whether there are pictures in it, beside the text.
    pub has_pictures: bool,
}

/// Why a file is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unread {
    /// Its format is none of those that are read.
    Format,
    /// It is encrypted.
    Encrypted,
    /// It is not as its format demands.
    Damaged,
    /// It, or what is packed in it, is larger than is read.
    TooLarge,
    /// There is no text in it, or not on each of its pages: they are pictures.
    NoText,
    /// Its letters cannot be told: a font that does not say which they are.
    Letters,
    /// Something else lies in it that cannot be read.
    Embedded,
    /// It takes longer than it may.
    Time,
}

impl Unread {
    /// The name in messages and the ledger.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Format => "unknown_format",
            Self::Encrypted => "encrypted",
            Self::Damaged => "damaged",
            Self::TooLarge => "too_large",
            Self::NoText => "no_text",
            Self::Letters => "unknown_letters",
            Self::Embedded => "embedded",
            Self::Time => "too_slow",
        }
    }

    /// In words, for callers.
    #[must_use]
    pub const fn told(self) -> &'static str {
        match self {
            Self::Format => "its format is not read",
            Self::Encrypted => "it is encrypted",
            Self::Damaged => "it is damaged",
            Self::TooLarge => "it is too large, or unpacks to too much",
            Self::NoText => "it has no text, or pages without text",
            Self::Letters => "its fonts do not say which letters they show",
            Self::Embedded => "something lies in it that is not read",
            Self::Time => "reading it takes too long",
        }
    }
}

/// Reads the texts in a file. What it is, its bytes tell, whatever it is declared as.
///
/// # Errors
/// Why it is not read. Libraries that break off are no more than that.
pub fn read(file: &[u8], limits: &Limits) -> Result<Layers, Unread> {
    let reading = || {
        let mut budget = Budget::new(limits);
        let mut layers = Layers::default();
        read_into(file, &mut layers, &mut budget)?;
        if layers.text.trim().is_empty() {
            return Err(Unread::NoText);
        }
        Ok(layers)
    };
    catch_unwind(AssertUnwindSafe(reading)).unwrap_or(Err(Unread::Damaged))
}

/// Whether the bytes are a text as they stand, and no program for pages.
#[must_use]
pub fn is_plain(file: &[u8]) -> bool {
    let is_control = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}');
    let Ok(text) = std::str::from_utf8(file) else { return false };
    let begin = text.trim_start_matches(|c: char| c == '\u{feff}' || c.is_whitespace());
    !text.contains(is_control) && !["%!", "{\\rtf"].iter().any(|mark| begin.starts_with(mark)) && !is_pdf(file)
}

/// Readers look for the mark of PDF so far into a file.
const MARK_BYTES_MAX: usize = 1_024;

fn is_pdf(file: &[u8]) -> bool {
    let head = file.get(..MARK_BYTES_MAX).unwrap_or(file);
    head.windows(5).any(|bytes| bytes == b"%PDF-")
}

/// Readers look for the end of a package so far from the end of a file: it, and the longest remark behind it.
const PACKAGE_END_BYTES_MAX: usize = 22 + 65_535;

fn may_be_package(file: &[u8]) -> bool {
    let tail = file.get(file.len().saturating_sub(PACKAGE_END_BYTES_MAX)..).unwrap_or(file);
    file.starts_with(b"PK") || tail.windows(4).any(|bytes| bytes == b"PK\x05\x06")
}

fn read_into(file: &[u8], layers: &mut Layers, budget: &mut Budget) -> Result<(), Unread> {
    if file.len() > FILE_BYTES_MAX {
        return Err(Unread::TooLarge);
    }
    budget.enter()?;
    // A file may be a package to one reader and pages to another.
    if is_pdf(file) && may_be_package(file) {
        return Err(Unread::Damaged);
    }
    if file.starts_with(b"PK") {
        office::read(file, layers, budget)?;
    } else if is_pdf(file) {
        pdf::read(file, layers, budget)?;
    } else if is_plain(file) {
        budget.say(&mut layers.text, &String::from_utf8_lossy(file))?;
        budget.say(&mut layers.text, "\n")?;
    } else if file.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) && office::is_encrypted(file) {
        return Err(Unread::Encrypted);
    } else {
        return Err(Unread::Format);
    }
    budget.leave();
    Ok(())
}
