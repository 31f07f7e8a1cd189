//! What is not complete at the end of a text that goes on.

use super::hold::Hold;
use super::window::{Open, back_seen, open_word};
use tg_text::span::Span;
use tg_text::view::{Hidden, Hiding, View};

/// What the readings of a stretch show of it, of which so much is held back.
pub(super) fn of(view: &View<'_>, hold: Hold) -> Open {
    let mut open = Open { kept: view.unfinished(), rows: view.rows().to_vec(), ..Open::default() };
    for piece in view.going_on() {
        let from = Some(begins(piece, hold));
        let list = if piece.has_places() { &mut open.kept } else { &mut open.from };
        *list = list.iter().copied().chain(from).min();
    }
    open
}

/// Where in the original that begins of a hidden text which is held back in the way of what stands in the open: the last
/// characters, and the word that is not complete.
fn begins(piece: &Hidden, hold: Hold) -> usize {
    let text = piece.plain.as_str();
    let longest = back_seen(text, text.len(), hold.longest);
    // Of digits that stand apart nothing is longer than what is held back in any case.
    let is_value = |at: &usize| {
        piece.how != Hiding::Spacing
            || text.get(*at..).is_some_and(|word| word.bytes().any(|b| b.is_ascii_alphabetic()))
    };
    let word = open_word(text).filter(is_value).filter(|at| *at >= longest);
    let at = word.into_iter().fold(back_seen(text, text.len(), hold.back), usize::min);
    piece.place_in_plain(Span::new(at, at + 1)).start
}
