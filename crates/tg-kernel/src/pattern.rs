//! Patterns of model names: exact, or with `*` for any run of characters.

/// Whether `name` matches `pattern`. `*` stands for any run of characters, also an empty one; all else is literal and
/// case-sensitive. Linear in the length of `name` times the number of stars.
#[must_use]
pub fn matches(pattern: &str, name: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut last: Option<&str> = None;
    for piece in pieces {
        if let Some(middle) = last {
            match rest.find(middle) {
                Some(at) => rest = &rest[at + middle.len()..],
                None => return false,
            }
        }
        last = Some(piece);
    }
    last.map_or(rest.is_empty(), |tail| rest.ends_with(tail))
}

/// Whether `pattern` has no star, so that it names exactly one model.
#[must_use]
pub fn is_exact(pattern: &str) -> bool {
    !pattern.contains('*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_match_any_run() {
        for (pattern, name, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("claude-*", "claude-opus-5-5", true),
            ("claude-*", "gpt-5", false),
            ("*.anthropic.*", "us.anthropic.claude", true),
            ("*.anthropic.*", "anthropic.claude", false),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "aXcYb", false),
            ("a*a", "a", false),
            ("*b*", "abc", true),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
