//! The file of the user's own prices: read, and replaced as a whole or not at all.

use anyhow::{Context as _, Result, bail};
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;
use tg_catalog::RowSource;

/// The rows of a file of prices, and its bytes.
pub(super) struct PriceFile {
    pub(super) rows: Vec<RowSource<'static>>,
    bytes: Option<Vec<u8>>,
}

impl PriceFile {
    /// Reads a list.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).with_context(|| format!("{}: cannot be read", path.display()))?;
        let value = tg_config::load::value_from_file(path)?;
        let rows = tg_catalog::parse_overrides(&value).map_err(|problems| wrong(path, &problems))?;
        Ok(Self { rows, bytes: Some(bytes) })
    }

    /// The same for a file that may not be there yet.
    pub(super) fn read_if_there(path: &Path) -> Result<Self> {
        if path.exists() { Self::read(path) } else { Ok(Self { rows: Vec::new(), bytes: None }) }
    }

    /// Puts these rows in the place of the file that was read, of which a copy stays beside it. Answers where that is.
    ///
    /// # Errors
    /// When it cannot be written, or was changed by somebody since it was read: then it is as it was.
    pub(super) fn replace(&self, path: &Path, rows: &[RowSource<'_>], head: &str) -> Result<Option<PathBuf>> {
        let shown = path.display();
        // Through a link, to the file itself: the link stays.
        let target = if path.is_symlink() { path.canonicalize() } else { Ok(path.to_owned()) };
        let target = target.with_context(|| format!("{shown}: the link leads nowhere"))?;
        let path = target.as_path();
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut written =
            NamedTempFile::new_in(folder).with_context(|| format!("{}: no file can be made", folder.display()))?;
        written.write_all(text(path, rows, head)?.as_bytes())?;
        let stands = Self::read(written.path()).context("with these prices in it; nothing was written")?;
        if stands.rows != rows {
            bail!("{shown}: what would be written does not read as it was meant; nothing was written");
        }
        let old = fs::metadata(path).ok();
        admit(&written, old.as_ref()).with_context(|| {
            format!(
                "{shown}: its owner and mode cannot be kept, and the gateway may not be able to read it then; \
                     nothing was written, run this as the file's owner"
            )
        })?;
        written.as_file().sync_all()?;
        if current(path)? != self.bytes {
            bail!("{shown} was changed while this ran; nothing was written, try again");
        }
        let kept = match &self.bytes {
            Some(bytes) => Some(keep(path, bytes, old.as_ref())?),
            None => None,
        };
        written.persist(path).with_context(|| format!("{shown}: cannot be written"))?;
        fs::File::open(folder)?.sync_all()?;
        Ok(kept)
    }
}

fn current(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        read => Ok(Some(read?)),
    }
}

/// Lets those read a file who could read the old one; one that is new everybody, as files usually are.
fn admit(file: &NamedTempFile, old: Option<&fs::Metadata>) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
        let now = file.as_file().metadata()?;
        if let Some(old) = old.filter(|old| (old.uid(), old.gid()) != (now.uid(), now.gid())) {
            chown(file.path(), Some(old.uid()), Some(old.gid()))?;
        }
        let mode = old.map_or_else(|| fs::Permissions::from_mode(0o644), fs::Metadata::permissions);
        file.as_file().set_permissions(mode)
    }
    #[cfg(not(unix))]
    old.map_or(Ok(()), |old| fs::set_permissions(file.path(), old.permissions()))
}

/// Writes what was there beside it, for the same readers.
fn keep(path: &Path, bytes: &[u8], old: Option<&fs::Metadata>) -> Result<PathBuf> {
    let mut name = path.as_os_str().to_owned();
    name.push(".before");
    let beside = PathBuf::from(name);
    let write = || {
        fs::write(&beside, bytes)?;
        old.map_or(Ok(()), |old| fs::set_permissions(&beside, old.permissions()))
    };
    write().with_context(|| format!("{}: cannot be written", beside.display()))?;
    Ok(beside)
}

/// One row in a line; JSON, which is YAML too.
fn text(path: &Path, rows: &[RowSource<'_>], head: &str) -> Result<String> {
    let lines: Vec<String> = rows.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
    if path.extension().is_some_and(|extension| extension == "json") {
        return Ok(format!("{{\"rows\":[\n{}\n]}}\n", lines.join(",\n")));
    }
    let items: String = lines.iter().map(|line| format!("- {line}\n")).collect();
    let rows = if items.is_empty() { "rows: []\n".to_owned() } else { format!("rows:\n{items}") };
    Ok(format!("# {head}\n{rows}"))
}

pub(super) fn wrong(path: &Path, problems: &[tg_catalog::OverrideProblem]) -> anyhow::Error {
    let list: Vec<String> = problems.iter().map(ToString::to_string).collect();
    anyhow::anyhow!("{}:\n  {}", path.display(), list.join("\n  "))
}

#[cfg(test)]
mod tests {
    use super::PriceFile;
    use tempfile::TempDir;

    #[cfg(unix)]
    #[test]
    fn who_could_read_the_file_still_can_and_a_link_stays_one() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = TempDir::new().unwrap();
        let (path, link) = (folder.path().join("prices.yaml"), folder.path().join("link.yaml"));
        let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        PriceFile::read_if_there(&path).unwrap().replace(&path, &[], "made").unwrap();
        assert_eq!(mode(&path), 0o644);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let kept = PriceFile::read(&link).unwrap().replace(&link, &[], "made again").unwrap().unwrap();
        assert!(link.is_symlink() && std::fs::read_to_string(&path).unwrap().contains("made again"));
        assert_eq!((mode(&path), mode(&kept)), (0o640, 0o640));
    }

    #[test]
    fn what_could_not_be_read_again_is_not_written() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("prices.yaml");
        let row = r#"[{"provider":"openai","id":"a","rates":[{"in":1,"out":2}]}]"#;
        let one = tg_catalog::parse_overrides(&serde_json::from_str(row).unwrap()).unwrap();
        let none = PriceFile::read_if_there(&path).unwrap();
        let refused = format!("{:#}", none.replace(&path, &vec![one[0].clone(); 10_001], "made").unwrap_err());
        assert!(refused.contains("10001 rows are too many") && refused.contains("nothing was written"), "{refused}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_is_replaced_whole_and_what_it_was_stays_beside_it() {
        for name in ["prices.yaml", "prices.json"] {
            let folder = TempDir::new().unwrap();
            let path = folder.path().join(name);
            let none = PriceFile::read_if_there(&path).unwrap();
            let row = r#"[{"provider":"openai","id":"a: # b","rates":[{"in":1,"out":2}],"valid_from":"2026-01-01"}]"#;
            let rows = tg_catalog::parse_overrides(&serde_json::from_str(row).unwrap()).unwrap();
            assert_eq!(none.replace(&path, &rows, "made").unwrap(), None);
            let made = PriceFile::read(&path).unwrap();
            assert_eq!(made.rows, rows, "{name}");
            assert_eq!(made.replace(&path, &[], "made").unwrap(), Some(folder.path().join(format!("{name}.before"))));
            assert!(PriceFile::read(&path).unwrap().rows.is_empty());
            // Somebody else was quicker.
            assert!(made.replace(&path, &rows, "made").unwrap_err().to_string().contains("was changed"));
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
        }
    }
}
