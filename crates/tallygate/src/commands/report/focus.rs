//! `--format focus` and `--format focus-parquet`: the ledger for cost tools.

use super::{Format, Report};
use anyhow::{Context as _, Result, bail};
use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::Path;
use tempfile::NamedTempFile;
use tg_finops::focus::{Account, Charge, ChargeKey, CsvWriter, Export, ParquetWriter};

impl Report {
    /// Writes the rows. A file is there when all of it is; before, nothing is.
    pub(super) fn focus(&self) -> Result<()> {
        let account = Account { billing_account: self.billing_account.clone() };
        let shown = |path: &Path| format!("cannot write {}", path.display());
        match (self.format, &self.output) {
            (Format::FocusParquet, None) => bail!("--format focus-parquet writes no text; name a file by --output"),
            (Format::FocusParquet, Some(path)) => {
                let (file, write) = beside(path).with_context(|| shown(path))?;
                self.parquet(write, account).with_context(|| shown(path))?;
                finish(file, path).with_context(|| shown(path))
            }
            (_, Some(path)) => {
                let (file, write) = beside(path).with_context(|| shown(path))?;
                self.csv(write, account).with_context(|| shown(path))?;
                finish(file, path).with_context(|| shown(path))
            }
            (_, None) => match self.csv(super::super::terminal::output(), account) {
                // A closed pipe (`| head`) ends the output, not the program.
                Err(error) if is_closed_pipe(&error) => Ok(()),
                done => done,
            },
        }
    }

    fn csv(&self, to: impl Write, account: Account) -> Result<()> {
        let mut writer = CsvWriter::new(to, account)?;
        self.rows(&mut |rows| Ok(writer.rows(&rows)?))?;
        writer.finish()?;
        Ok(())
    }

    fn parquet(&self, to: impl Write + Send, account: Account) -> Result<()> {
        let mut writer = ParquetWriter::new(to, account)?;
        self.rows(&mut |rows| Ok(writer.rows(rows)?))?;
        writer.finish()?.flush()?;
        Ok(())
    }

    /// The rows of calls, and those of commitments where no filter leaves calls out.
    fn rows(&self, write: &mut dyn FnMut(Vec<(ChargeKey, Charge)>) -> Result<()>) -> Result<()> {
        let wanted = self.calls()?;
        let mut amortisation = self.amortisation(&wanted)?;
        let mut export = Export::default();
        self.each(wanted, &mut |record, corrections| {
            let mut rows = export.take(record, corrections);
            amortisation.spread(&mut rows);
            write(rows)
        })?;
        let mut rows = export.finish();
        amortisation.spread(&mut rows);
        write(rows)?;
        if self.filters.is_empty() {
            amortisation.rows().try_for_each(|row| write(vec![row]))?;
        }
        Ok(())
    }
}

/// A file beside the one that is to be, and a way to write to it.
fn beside(path: &Path) -> std::io::Result<(NamedTempFile, BufWriter<File>)> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = NamedTempFile::new_in(folder)?;
    let write = BufWriter::new(file.reopen()?);
    Ok((file, write))
}

fn finish(file: NamedTempFile, path: &Path) -> std::io::Result<()> {
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}
