//! All words of a list in a text, looked for in several stretches of it at once.

use aho_corasick::automaton::{Automaton as _, StateID};
use aho_corasick::dfa::DFA;
use aho_corasick::{Anchored, MatchKind};
use std::ops::Range;

/// How many stretches are read at once. An automaton knows its next step only when the last one is done: several wait together.
const LANES: usize = 4;

/// How many times the longest word a stretch has at least: in short ones what is read twice costs more than is won.
const LONG: usize = 8;

/// How much of a text is shared out at a time, so that what is found and not told yet takes little room.
const BLOCK: usize = 4096;

/// Words, in either case of ASCII letters.
#[derive(Debug)]
pub(super) struct Words {
    automaton: DFA,
    start: StateID,
}

/// Where words end, and the state that says which.
type Found = [Vec<(usize, StateID)>; LANES];

impl Words {
    /// Compiles a list; `None` where it is too large for an automaton.
    pub(super) fn new(words: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Option<Self> {
        let mut builder = DFA::builder();
        let automaton = builder.match_kind(MatchKind::Standard).ascii_case_insensitive(true).build(words).ok()?;
        let start = automaton.start_state(Anchored::No).ok()?;
        Some(Self { automaton, start })
    }

    /// Bytes that it takes in memory, about.
    pub(super) fn memory(&self) -> usize {
        self.automaton.memory_usage()
    }

    /// Tells all words of a text, overlapping ones, too, in order of their ends, the longer of those that end together first: where
    /// each stands, and its number in the list.
    pub(super) fn each(&self, text: &[u8], tell: impl FnMut(Range<usize>, usize)) {
        self.each_in_blocks(text, BLOCK, tell);
    }

    fn each_in_blocks(&self, text: &[u8], size: usize, mut tell: impl FnMut(Range<usize>, usize)) {
        let mut state = self.start;
        let mut found = Found::default();
        let mut from = 0;
        for block in text.chunks(size) {
            state = self.block(block, state, &mut found);
            for (end, state) in found.iter_mut().flat_map(|found| found.drain(..)) {
                for index in 0..self.automaton.match_len(state) {
                    let word = self.automaton.match_pattern(state, index);
                    let end = from + end;
                    tell(end - self.automaton.pattern_len(word)..end, word.as_usize());
                }
            }
            from += block.len();
        }
    }

    /// Reads a block: the ends of words by lane, and the state behind it.
    fn block(&self, block: &[u8], state: StateID, found: &mut Found) -> StateID {
        // What a state is depends on no more bytes than the longest word has: so many are read before what a lane tells.
        let longest = self.automaton.max_pattern_len();
        let part = (block.len().saturating_sub(longest)) / LANES;
        let [first, second, third, fourth] = found;
        if part < LONG * longest {
            return self.stretch(block, 0, state, first);
        }
        let lane = |at: usize| block.get(at * part..).and_then(|rest| rest.get(..part + longest)).unwrap_or_default();
        let mut states = [state, self.start, self.start, self.start];
        let bytes = lane(0).iter().zip(lane(1)).zip(lane(2)).zip(lane(3));
        for (at, (((a, b), c), d)) in bytes.enumerate() {
            let [one, two, three, four] = states;
            states = [self.next(one, *a), self.next(two, *b), self.next(three, *c), self.next(four, *d)];
            if states.iter().fold(false, |any, state| any | self.automaton.is_match(*state)) {
                let lanes = [&mut *first, &mut *second, &mut *third, &mut *fourth];
                for ((lane, found), state) in (0..).zip(lanes).zip(states) {
                    if self.automaton.is_match(state) && (lane == 0 || at >= longest) {
                        found.push((lane * part + at + 1, state));
                    }
                }
            }
        }
        // What the last lane left: a few bytes.
        let read = LANES * part + longest;
        self.stretch(block.get(read..).unwrap_or_default(), read, states[LANES - 1], fourth)
    }

    /// Reads a stretch by itself. Not as a part of a larger function, in which the state would wait in memory between two steps.
    #[inline(never)]
    fn stretch(&self, bytes: &[u8], from: usize, state: StateID, found: &mut Vec<(usize, StateID)>) -> StateID {
        let mut state = state;
        for (end, byte) in (from + 1..).zip(bytes) {
            state = self.next(state, *byte);
            if self.automaton.is_match(state) {
                found.push((end, state));
            }
        }
        state
    }

    #[inline]
    fn next(&self, state: StateID, byte: u8) -> StateID {
        self.automaton.next_state(Anchored::No, state, byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aho_corasick::AhoCorasick;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn lanes_find_what_one_pass_finds(
            words in proptest::collection::btree_set("[a-c]{1,3}|[a-b]{4,6}", 1..12),
            text in "[a-cA-C]{0,1000}", size in 1_usize..1000,
        ) {
            let one = AhoCorasick::builder().ascii_case_insensitive(true).build(&words).unwrap();
            let slowly: Vec<_> =
                one.find_overlapping_iter(&text).map(|found| (found.range(), found.pattern().as_usize())).collect();
            let mut found = Vec::new();
            Words::new(&words).unwrap().each_in_blocks(text.as_bytes(), size, |place, word| found.push((place, word)));
            prop_assert_eq!(found, slowly);
        }
    }
}
