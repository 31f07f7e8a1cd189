//! The known word that a wrong one was probably meant to be.

/// The one of `known` that needs the fewest edits to become `word`, if those are few.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Longer words are not names of ours, and the distance costs their product.
    if word.len() > 64 {
        return None;
    }
    let edits_max = (word.chars().count() / 3).clamp(1, 3);
    known.into_iter().map(|k| (distance(word, k), k)).filter(|(d, _)| *d <= edits_max).min().map(|(_, k)| k)
}

/// A hint that proposes the nearest of `known`, or else lists them all.
pub(crate) fn propose<'a>(word: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    match nearest(word, known.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            let all: Vec<String> = known.into_iter().map(|k| format!("`{k}`")).collect();
            if all.is_empty() {
                "there is none to choose from".to_owned()
            } else {
                format!("known: {}", all.join(", "))
            }
        }
    }
}

fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cb, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let above = *cell;
            let cost = if ca == *cb { diagonal } else { diagonal.min(above).min(left) + 1 };
            diagonal = above;
            *cell = cost;
            left = cost;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}
