//! Tells the personal data in texts: texts on standard input with a zero byte behind each, one line of findings for each.

use std::io::{Read, Write};
use tg_text::pii::Pii;
use tg_text::view::View;

fn main() -> std::io::Result<()> {
    let mut input = Vec::new();
    std::io::stdin().read_to_end(&mut input)?;
    let mut out = std::io::BufWriter::new(std::io::stdout());
    let pii = if std::env::args().any(|arg| arg == "--all") { Pii::all() } else { Pii::structured() };
    let mut found = Vec::new();
    for text in input.split(|b| *b == 0) {
        let text = String::from_utf8_lossy(text);
        found.clear();
        pii.find(&View::of(&text), &mut found);
        for finding in &found {
            write!(out, "{}\t{}\t{}\t{:.2}\t", finding.rule, finding.span.start, finding.span.end, finding.score)?;
        }
        writeln!(out)?;
    }
    out.flush()
}
