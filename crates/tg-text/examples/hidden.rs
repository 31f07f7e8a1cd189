//! Shows what is found hidden in each line of JSON with a text: `zcat *.jsonl.gz | cargo run --release --example hidden`.

use std::io::{BufRead as _, Write as _};
use tg_text::view::View;

fn main() -> std::io::Result<()> {
    let (mut texts, mut with) = (0, 0);
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let Ok(row) = serde_json::from_str::<serde_json::Value>(&line) else { continue };
        let text = row["text"].as_str().or_else(|| row["prompt"].as_str()).unwrap_or_default();
        let view = View::of(text);
        texts += 1;
        with += usize::from(!view.hidden().is_empty());
        for hidden in view.hidden() {
            let said: String = hidden.text.chars().take(80).collect();
            let place = text.get(hidden.origin.range()).unwrap_or_default();
            let stood: String = place.chars().take(80).collect();
            writeln!(out, "{}\t{stood:?}\t{said:?}", hidden.how.name())?;
        }
    }
    writeln!(out, "{texts} texts, {with} with something hidden")
}
