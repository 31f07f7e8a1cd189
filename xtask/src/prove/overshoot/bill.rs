//! What the providers would bill, by their own books and by arithmetic of the proof's own.

use crate::prove::house::cost;
use tg_sim::{Counts, Ending, Entry};

/// The cost of all entries, in nano-dollars: of a whole answer what its provider counted, of one that broke off its input
/// and what was written of it.
pub fn of(entries: &[Entry]) -> i128 {
    entries.iter().map(of_one).sum()
}

/// The cost of one entry, in nano-dollars.
pub fn of_one(entry: &Entry) -> i128 {
    let counts = match entry.ending {
        Ending::Complete => entry.counts,
        Ending::Refused => Counts::default(),
        Ending::Broken | Ending::CallerGone => Counts { output: entry.output_emitted, ..entry.counts },
    };
    cost(&entry.model, &counts).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::of;
    use tg_sim::{Counts, Ending, Entry, Operation, Personality};

    #[test]
    fn what_broke_off_is_billed_as_far_as_it_came() {
        let entry = |ending, output_emitted| Entry {
            number: 1,
            personality: Personality::Anthropic,
            operation: Operation::Messages,
            model: "claude-haiku-4-5".to_owned(),
            streamed: true,
            status: 200,
            ending,
            counts: Counts { input: 1_000, output: 100, ..Counts::default() },
            output_emitted,
            gateway_request_id: None,
            aws_session: None,
            detail: None,
        };
        let (input, token) = (1_000_003, 5_000);
        assert_eq!(of(&[entry(Ending::Complete, 100)]), input + 100 * token + 2);
        assert_eq!(of(&[entry(Ending::CallerGone, 10), entry(Ending::Broken, 1)]), 2 * input + 11 * token);
        assert_eq!(of(&[entry(Ending::Refused, 0)]), 0);
    }
}
