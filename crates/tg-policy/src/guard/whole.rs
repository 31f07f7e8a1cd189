//! All of a text, for rules that read it as a whole.

/// Most bytes that are kept at a time of the texts of one call that go on meanwhile. Where a rule holds a text back, that is
/// bounded by what is held.
const KEPT_BYTES_MAX: usize = 16 << 20;

/// A text as far as it has come.
#[derive(Debug)]
pub(super) struct Whole {
    text: String,
    /// It goes on while it is kept.
    goes_on: bool,
    is_too_large: bool,
}

impl Whole {
    /// Nothing yet.
    pub(super) const fn new(goes_on: bool) -> Self {
        Self { text: String::new(), goes_on, is_too_large: false }
    }

    /// Takes the next piece. `kept` is how much is kept of all texts that go on.
    pub(super) fn push(&mut self, piece: &str, kept: &mut usize) {
        if self.is_too_large {
            return;
        }
        if self.goes_on {
            if *kept + piece.len() > KEPT_BYTES_MAX {
                *kept -= self.text.len();
                (self.text, self.is_too_large) = (String::new(), true);
                return;
            }
            *kept += piece.len();
        }
        self.text.push_str(piece);
    }

    /// There is no more; `None` where it was too large to be kept.
    pub(super) fn end(self, kept: &mut usize) -> Option<String> {
        if self.goes_on {
            *kept -= self.text.len();
        }
        (!self.is_too_large).then_some(self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_is_kept_up_to_a_bound_that_all_texts_share() {
        let piece = "x".repeat(KEPT_BYTES_MAX / 4);
        let (mut first, mut second, mut held) = (Whole::new(true), Whole::new(true), Whole::new(false));
        let mut kept = 0;
        for _ in 0..2 {
            [&mut first, &mut second, &mut held].into_iter().for_each(|whole| whole.push(&piece, &mut kept));
        }
        assert_eq!(kept, KEPT_BYTES_MAX);
        second.push("x", &mut kept);
        held.push("x", &mut kept);
        assert_eq!((kept, second.text.capacity()), (KEPT_BYTES_MAX / 2, 0));
        second.push("x", &mut kept);
        assert_eq!(second.end(&mut kept), None);
        assert_eq!(held.end(&mut kept).map(|text| text.len()), Some(KEPT_BYTES_MAX / 2 + 1));
        assert_eq!((first.end(&mut kept).map(|text| text.len()), kept), (Some(KEPT_BYTES_MAX / 2), 0));
    }
}
