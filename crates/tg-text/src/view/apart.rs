//! Letters that stand apart at the end of a text that goes on: what they may yet spell.

use super::words::{GAP_MAX, PIECE_MAX, has_letters_enough, kind};

/// Where in a folded text they begin, if it ends with some: the most of them that a piece may have, and of which enough may
/// turn out to be letters. Whatever is found of the text as it goes on, no piece that is not complete begins before.
pub(super) fn begun(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let is_part = |at: usize| bytes.get(at).is_some_and(|b| kind(*b) != 0);
    let (mut from, mut begun) = (text.len(), None);
    let (mut letters, mut all, mut last, mut sign) = (0, 0, None, None);
    loop {
        let gap = (from.saturating_sub(GAP_MAX + 1)..from).rev().take_while(|at| !is_part(*at)).count();
        let Some(at) = (from - gap).checked_sub(1).filter(|_| gap <= GAP_MAX) else { break };
        let mut signs = text.get(at + 1..from).unwrap_or_default().chars().filter(|c| *c != ' ');
        let is_other = signs.any(|c| *sign.get_or_insert(c) != c);
        let length = *last.get_or_insert(at + 1) - at;
        let is_apart = !at.checked_sub(1).is_some_and(is_part);
        if is_other || !is_apart || length > PIECE_MAX + GAP_MAX {
            break;
        }
        all += 1;
        letters += usize::from(bytes.get(at).is_some_and(u8::is_ascii_alphabetic));
        // As many as there is room for may follow.
        let more = PIECE_MAX.saturating_sub(length).div_ceil(2);
        if has_letters_enough(letters + more, all + more) {
            begun = Some(at);
        }
        from = at;
    }
    begun
}

#[cfg(test)]
mod tests {
    use crate::view::View;

    #[test]
    fn letters_apart_are_known_by_what_is_read() {
        for (text, from) in [
            ("use A K I A Q", "A K I A Q"),
            ("use A K I A Q ", "A K I A Q "),
            ("use A-K-I-A  -  Q-", "A-K-I-A  -  Q-"),
            ("use A  K  I  A    Q  3", "A  K  I  A    Q  3"),
            ("a list: A, K, I, A, ", "A, K, I, A, "),
            (
                "use A\u{2003}\u{3000}\u{a0}K\u{2003}\u{2003}\u{2003}I",
                "A\u{2003}\u{3000}\u{a0}K\u{2003}\u{2003}\u{2003}I",
            ),
            (
                "use A\u{200b} \u{ad}K –\u{200b}I - A\u{200b}\u{200b}",
                "A\u{200b} \u{ad}K –\u{200b}I - A\u{200b}\u{200b}",
            ),
            ("use É K \u{1f130} Q", "É K \u{1f130} Q"),
            ("use A的K的I", "A的K的I"),
            ("1 2 3 4 5 6 7 8", "1 2 3 4 5 6 7 8"),
            ("use A-K, I A", "K, I A"),
            ("use A K       I A", "I A"),
            ("use AK I A", "I A"),
            ("A - K, ", "K, "),
        ] {
            assert_eq!(View::of(text).letters_apart().map(|at| &text[at..]), Some(from), "{text}");
        }
        for text in ["", "use A K I A of", r#"{"a":"b","c":"d","#, "我 们 明 天 ", "A K I A       "] {
            assert_eq!(View::of(text).letters_apart(), None, "{text}");
        }
    }

    #[test]
    fn a_row_is_no_longer_than_a_piece_and_not_of_digits_that_no_letters_make_good() {
        let held = |text: &str| text.len() - View::of(text).letters_apart().unwrap();
        assert!((2040..2060).contains(&held(&"A b C d ".repeat(2000))));
        assert!((800..830).contains(&held(&"1 2 3 4 ".repeat(2000))));
        let text = format!("{}A K I A ", "1 2 3 4 ".repeat(2000));
        assert!((800..840).contains(&held(&text)));
    }
}
