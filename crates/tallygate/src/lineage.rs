//! By which names this gateway's processes count at shared counters, one after the other: kept beside the journal, which the
//! next one settles, so that it can give up what the last one held.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use tg_proxy::shared::Shared;

/// The file in the journal's folder: a name on each line, the latest last.
const FILE: &str = "counters";

/// Most names that are kept, that of this process included.
const NAMES_MAX: usize = 16;

/// Longest name, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// Most that is read of the file, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 16;

/// The earlier processes that had this journal are dead, and what it knew of their calls is booked: what else they hold is
/// given up. Where the file cannot be read or written, it goes ten minutes after they were heard of last.
pub(crate) fn succeed(shared: &Shared, journal: &Path) {
    let own = shared.counters.process();
    match append(journal, &own) {
        Ok(earlier) => shared.counters.succeeds(earlier),
        Err(error) => {
            let file = journal.join(FILE);
            tracing::warn!(
                %error, file = %file.display(),
                "the names by which earlier runs counted cannot be kept: what they hold of limits and budgets when they die \
                 is given back after ten minutes, not at the next start"
            );
        }
    }
}

/// Adds a name, and answers those before it. Whatever happens meanwhile, the file is the old one or the new one.
fn append(folder: &Path, own: &str) -> io::Result<Vec<String>> {
    let path = folder.join(FILE);
    let earlier = match File::open(&path) {
        Ok(file) => names(file)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    let earlier: Vec<String> = earlier.into_iter().filter(|name| name != own).collect();
    let kept = earlier.len().saturating_sub(NAMES_MAX - 1);
    let lines = earlier.iter().skip(kept).map(String::as_str).chain([own]);
    let text: String = lines.flat_map(|name| [name, "\n"]).collect();
    let fresh = folder.join(format!("{FILE}.new"));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&fresh, &path)?;
    Ok(earlier)
}

/// The names in a file; what is none is passed over.
fn names(file: File) -> io::Result<Vec<String>> {
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let is_name = |line: &&str| {
        (1..=NAME_BYTES_MAX).contains(&line.len()) && line.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let all: Vec<String> = text.lines().filter(is_name).map(str::to_owned).collect();
    let kept = all.len().saturating_sub(NAMES_MAX);
    Ok(all.into_iter().skip(kept).collect())
}

#[cfg(test)]
mod tests {
    use super::{FILE, NAMES_MAX, append};

    #[test]
    fn each_process_finds_the_names_of_those_before_it_and_the_oldest_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        assert!(append(folder.path(), "p0").unwrap().is_empty());
        for number in 1..NAMES_MAX + 5 {
            let earlier = append(folder.path(), &format!("p{number}")).unwrap();
            let expected: Vec<String> = (number.saturating_sub(NAMES_MAX)..number).map(|it| format!("p{it}")).collect();
            assert_eq!(earlier, expected);
        }
        let own = format!("p{}", NAMES_MAX + 4);
        let earlier = append(folder.path(), &own).unwrap();
        assert!(!earlier.contains(&own), "no process takes itself for dead");
    }

    #[test]
    fn what_is_no_name_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), b"one\n\xFF\n*\na.b\n\ntwo").unwrap();
        assert_eq!(append(folder.path(), "three").unwrap(), ["one", "two"]);
        assert!(append(&folder.path().join("missing"), "one").is_err());
    }
}
