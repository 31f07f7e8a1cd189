//! What is to stand in place of stretches of a text that comes in pieces, for as long as anybody may ask for it.

use tg_kernel::passage::Change;

/// Changes, in order and apart.
#[derive(Debug, Default)]
pub(super) struct Changes {
    all: Vec<Change>,
    /// So many of the first are asked for no more.
    gone: usize,
}

impl Changes {
    /// Takes the next.
    pub(super) fn push(&mut self, change: Change) {
        self.all.push(change);
    }

    /// Those that may be asked for.
    pub(super) fn known(&self) -> &[Change] {
        self.all.get(self.gone..).unwrap_or_default()
    }

    /// Nobody asks any more for what ends up to this byte.
    pub(super) fn forget(&mut self, upto: usize) {
        self.gone += self.known().partition_point(|change| change.range.end <= upto);
        // Seldom, so that each is moved no more than once or twice.
        if self.gone > self.all.len() / 2 {
            self.all.drain(..self.gone);
            self.gone = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_no_more_is_not_kept() {
        let mut changes = Changes::default();
        for nth in 0..10_000 {
            changes.push(Change { range: 10 * nth..10 * nth + 5, text: String::new() });
            changes.forget(10 * nth.saturating_sub(3) + 5);
            let known: Vec<usize> = changes.known().iter().map(|change| change.range.start / 10).collect();
            assert_eq!(known, (nth.saturating_sub(2).max(1).min(nth + 1)..=nth).collect::<Vec<_>>(), "{nth}");
            assert!(changes.all.len() <= 8, "{}", changes.all.len());
        }
        // Not that which goes on behind the place.
        changes.forget(10 * 9_999 + 4);
        assert_eq!(changes.known().len(), 1);
    }
}
