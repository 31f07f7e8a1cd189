//! Makes what `tg-text` knows of names and addresses: the lists, the weights of the tagger, and their measure on unseen templates.

mod corpus;
mod lists;
mod made;
mod tagger;

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};

const USE: &str = "train-names lists SOURCES | fit DATA SOURCES | judge DATA SOURCES (see README.md)";
/// Where the crate that reads them has them.
const TARGET: &str = "crates/tg-text/src/pii/names";

fn main() -> Result<()> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let words: Vec<&Path> = arguments.iter().map(PathBuf::as_path).collect();
    match words.as_slice() {
        [verb, sources] if *verb == Path::new("lists") => {
            let filters = lists::Sources::read(sources)?.filters();
            std::fs::write(Path::new(TARGET).join("lists.bin"), filters).context("the lists cannot be written")
        }
        [verb, data, sources] if *verb == Path::new("fit") => {
            let (labelled, more) = texts(data, sources)?;
            let all: Vec<&corpus::Text> = labelled.iter().chain(&more).collect();
            std::fs::write(Path::new(TARGET).join("names.bin"), tagger::fit(&all).quantised())
                .context("the weights cannot be written")
        }
        [verb, data, sources] if *verb == Path::new("judge") => {
            let (labelled, more) = texts(data, sources)?;
            tagger::judge(&labelled, &more)
        }
        _ => bail!("{USE}"),
    }
}

/// The labelled texts, and those that are only learnt from: made ones, and ordinary ones without names.
fn texts(data: &Path, sources: &Path) -> Result<(Vec<corpus::Text>, Vec<corpus::Text>)> {
    let mut more = made::texts(&lists::Sources::read(sources)?);
    more.extend(corpus::ordinary(data)?);
    Ok((corpus::labelled(data)?, more))
}
