//! Rows as CSV (RFC 4180): decimals as exact text, times in ISO 8601, nothing where there is no value.

use super::columns::{COLUMNS, Row, Value};
use super::{Account, Charge, ChargeKey};
use std::io::{self, Write};

/// Writes rows as they come.
#[derive(Debug)]
pub struct CsvWriter<W> {
    to: W,
    account: Account,
}

impl<W: Write> CsvWriter<W> {
    /// Writes the heading.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new(mut to: W, account: Account) -> io::Result<Self> {
        let names: Vec<&str> = COLUMNS.iter().map(|column| column.name).collect();
        write!(to, "{}\r\n", names.join(","))?;
        Ok(Self { to, account })
    }

    /// Writes rows.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn rows(&mut self, rows: &[(ChargeKey, Charge)]) -> io::Result<()> {
        for (key, charge) in rows {
            let row = Row::of(key, charge, &self.account);
            for (number, column) in COLUMNS.iter().enumerate() {
                if number > 0 {
                    self.to.write_all(b",")?;
                }
                match (column.value)(&row) {
                    Value::Null => {}
                    Value::Text(text) => cell(&mut self.to, &text)?,
                    Value::Decimal(number) => write!(self.to, "{number}")?,
                    Value::Time(at) => write!(self.to, "{at}")?,
                    Value::Count(count) => write!(self.to, "{count}")?,
                }
            }
            self.to.write_all(b"\r\n")?;
        }
        Ok(())
    }

    /// Writes what is left and gives back where to.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        self.to.flush()?;
        Ok(self.to)
    }
}

fn cell(to: &mut impl Write, text: &str) -> io::Result<()> {
    if text.contains([',', '"', '\r', '\n']) {
        write!(to, "\"{}\"", text.replace('"', "\"\""))
    } else {
        to.write_all(text.as_bytes())
    }
}
