//! A question whose asker may leave before the answer: then what it took is given back.

/// Does what is to be done for an asker who leaves, unless the answer was heard.
pub(super) struct Asking<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> Asking<F> {
    /// `leave` is done when this is dropped.
    pub(super) const fn of(leave: F) -> Self {
        Self(Some(leave))
    }

    /// The answer was heard: there is nothing to do.
    pub(super) fn answered(mut self) {
        self.0 = None;
    }
}

impl<F: FnOnce()> Drop for Asking<F> {
    fn drop(&mut self) {
        if let Some(leave) = self.0.take() {
            leave();
        }
    }
}
