//! Files of all kinds, sound and unsound.

mod made;
mod offices;
mod pdfs;
mod unsound;

use crate::{Layers, Limits, Unread, read};

fn text(file: &[u8]) -> String {
    layers(file).text
}

fn layers(file: &[u8]) -> Layers {
    read(file, &Limits::default()).unwrap()
}

fn refused(file: &[u8]) -> Unread {
    read(file, &Limits::default()).unwrap_err()
}

/// Every text is in what was read.
fn says(file: &[u8], wanted: &[&str]) {
    let text = text(file);
    for one in wanted {
        assert!(text.contains(one), "{one:?} is not in {text:?}");
    }
}
