//! The files of the recording: one for each day, of bounded size, and gone when they are old.

use super::{Item, Settings};
use crate::complaint::Complaint;
use crate::recording::heard::Told;
use std::borrow::Cow;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::sync::Arc;
use tg_kernel::clock::{Clock, Timestamp};
use tg_kernel::ids::CallId;
use tg_kernel::passage::Channel;
use tg_policy::guard::{Guard, RECORD_FORMAT, Recorded, Said, Way};

/// Characters of a day in the name of its file: `2026-11-26`.
const DAY_CHARACTERS: usize = 10;

/// Characters that tell the files of several processes apart.
const RUN_CHARACTERS: usize = 8;

/// How the name of a file ends.
const SUFFIX: &str = ".jsonl";

/// Writes to the file of the day.
pub(super) struct Writer {
    settings: Settings,
    clock: Arc<dyn Clock>,
    /// What tells the files of this process from those of others.
    run: String,
    today: Option<Today>,
    complaint: Complaint,
}

struct Today {
    day: String,
    file: File,
    bytes: u64,
    is_full: bool,
}

impl Writer {
    /// Makes the folder, and the file of this day.
    pub(super) fn open(settings: Settings, clock: Arc<dyn Clock>) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(&settings.folder)?;
        let id = CallId::fresh().to_string();
        let run = id.chars().filter(char::is_ascii_hexdigit).collect::<Vec<_>>();
        let run = run.iter().skip(run.len().saturating_sub(RUN_CHARACTERS)).collect();
        let mut writer = Self { settings, clock, run, today: None, complaint: Complaint::default() };
        writer.today()?;
        Ok(writer)
    }

    /// Writes a call; what cannot be written is said, and left out.
    pub(super) fn write(&mut self, item: Item) {
        let written = line(item).and_then(|line| self.append(&line));
        if let Err(error) = written
            && let Some(times) = self.complaint.due(self.clock.monotonic())
        {
            tracing::error!(%error, times, folder = %self.settings.folder.display(), "calls cannot be recorded");
        }
    }

    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let most = self.settings.day_bytes_max;
        let today = self.today()?;
        if today.is_full {
            return Ok(());
        }
        if today.bytes.saturating_add(line.len() as u64) > most {
            today.is_full = true;
            tracing::warn!(day = today.day, "the recording of this day is full: nothing more of it is recorded");
            return Ok(());
        }
        today.bytes += line.len() as u64;
        today.file.write_all(line)
    }

    /// The file of this day. With a new one, old ones go.
    fn today(&mut self) -> io::Result<&mut Today> {
        let day = day_of(self.clock.now());
        let today = match self.today.take().filter(|today| today.day == day) {
            Some(today) => today,
            None => {
                self.forget()?;
                let path = self.settings.folder.join(format!("{day}-{}{SUFFIX}", self.run));
                let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
                let bytes = file.metadata()?.len();
                Today { day, file, bytes, is_full: false }
            }
        };
        Ok(self.today.insert(today))
    }

    /// Deletes files of days that are older than is kept.
    fn forget(&self) -> io::Result<()> {
        let kept = i64::try_from(self.settings.keep.as_micros()).unwrap_or(i64::MAX);
        let first = day_of(Timestamp::from_micros(self.clock.now().micros().saturating_sub(kept)));
        for entry in std::fs::read_dir(&self.settings.folder)? {
            let entry = entry?;
            if let Some(day) = entry.file_name().to_str().and_then(day_in)
                && *day < *first
            {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}

fn day_of(at: Timestamp) -> String {
    at.to_string().chars().take(DAY_CHARACTERS).collect()
}

/// The day in the name of a file of a recording; `None` for other files, which are nobody's to delete.
fn day_in(name: &str) -> Option<&str> {
    let (day, run) = name.strip_suffix(SUFFIX)?.split_at_checked(DAY_CHARACTERS)?;
    let is_day = day.bytes().enumerate().all(|(at, byte)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    let run = run.strip_prefix('-')?;
    let is_run = run.len() == RUN_CHARACTERS && run.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_day && is_run).then_some(day)
}

/// A call as it is written.
fn line(item: Item) -> io::Result<Vec<u8>> {
    let Item { guard, id, at, mut attribution, model, bound, unseen, guarded, heard, .. } = item;
    let Told { input, output, media, unread } = heard.told();
    attribution.tags = attribution.tags.iter().map(|tag| without_values(&guard, tag)).collect();
    let recorded = Recorded {
        format: RECORD_FORMAT,
        id,
        at,
        attribution,
        model,
        bound,
        guarded,
        media,
        unread,
        unseen,
        input: guard.strip(Way::Input, &input),
        output: guard.strip(Way::Output, &output),
    };
    let mut line = serde_json::to_vec(&recorded)?;
    line.push(b'\n');
    Ok(line)
}

fn without_values(guard: &Guard, tag: &str) -> String {
    let said = Said { channel: Channel::Metadata, turn: 0, text: Cow::Borrowed(tag) };
    guard.strip(Way::Input, &[said]).into_iter().map(|stripped| stripped.text).collect()
}

#[cfg(test)]
mod tests {
    use super::{Writer, day_in};
    use crate::recording::Settings;
    use std::sync::Arc;
    use std::time::Duration;
    use tg_kernel::clock::{Clock, ManualClock, Timestamp};

    #[test]
    fn a_day_has_its_file_and_its_bound_and_old_ones_go() {
        let parent = tempfile::TempDir::new().unwrap();
        let folder = parent.path().join("a/b");
        let day = Duration::from_secs(86_400);
        let clock = Arc::new(ManualClock::at(Timestamp::parse("2026-11-26T23:59:59Z").unwrap()));
        let settings = Settings { folder: folder.clone(), share: 1.0, day_bytes_max: 8, keep: day * 2 };
        let mut writer = Writer::open(settings, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
        std::fs::write(folder.join("marks.jsonl"), "x").unwrap();
        let files = || {
            let all = std::fs::read_dir(&folder).unwrap().map(Result::unwrap);
            let mut all: Vec<(String, u64)> = all
                .map(|entry| (entry.file_name().to_str().unwrap()[..10].to_owned(), entry.metadata().unwrap().len()))
                .collect();
            all.sort();
            all
        };
        let named = |name: &str, size| (name.to_owned(), size);
        for line in [b"1234", b"5678", b"9abc"] {
            writer.append(line).unwrap();
        }
        assert_eq!(files(), [named("2026-11-26", 8), named("marks.json", 1)], "what is full takes nothing more");
        clock.advance(Duration::from_secs(2));
        writer.append(b"1").unwrap();
        assert_eq!(files(), [named("2026-11-26", 8), named("2026-11-27", 1), named("marks.json", 1)]);
        clock.advance(day * 2);
        writer.append(b"1").unwrap();
        assert_eq!(files(), [named("2026-11-27", 1), named("2026-11-29", 1), named("marks.json", 1)]);
    }

    #[test]
    fn only_files_of_a_recording_are_deleted() {
        assert_eq!(day_in("2026-11-26-0a1b2c3d.jsonl"), Some("2026-11-26"));
        for other in
            ["marks.jsonl", "2026-11-26.jsonl", "2026-11-26-0a1b2c3d.jsonl.gz", "2026x11-26-0a1b2c3d.jsonl", "é"]
        {
            assert_eq!(day_in(other), None, "{other}");
        }
    }
}
