//! The lists of names, places and common words, from sources that may be given on.

use anyhow::{Context, Result};
use std::collections::HashSet;
use std::path::Path;
use tg_text::pii::names::training::{key, set};

/// How many of the common words count: the short ones.
const COMMON_LETTERS_MAX: usize = 12;

/// Words of each list, in the order of the filters.
pub struct Sources {
    pub given: Vec<String>,
    pub family: Vec<String>,
    common: Vec<String>,
    pub place: Vec<String>,
}

impl Sources {
    /// Reads the sources' folder; README.md says what lies in it.
    pub fn read(folder: &Path) -> Result<Self> {
        let read =
            |name: &str| std::fs::read_to_string(folder.join(name)).with_context(|| format!("{name} cannot be read"));
        let (mut given, mut family) = wikidata(&read("wikidata-names.mjs")?);
        for name in ["dist.female.first", "dist.male.first"] {
            given.extend(census(&read(name)?));
        }
        family.extend(census(&read("dist.all.last")?));
        // A word in lower case in the dictionary is no name, unless a great many people have it.
        let common = read("american-english-large")?;
        let common = common
            .lines()
            .filter(|w| w.len() > 1 && w.len() <= COMMON_LETTERS_MAX && w.chars().all(|c| c.is_ascii_lowercase()));
        let mut place = Vec::new();
        for line in read("places.txt")?.lines() {
            place.extend(line.split([' ', '-', '/']).filter(|w| w.chars().count() > 3).map(str::to_owned));
        }
        let mut sources = Self { given, family, common: common.map(str::to_owned).collect(), place };
        for list in [&mut sources.given, &mut sources.family, &mut sources.common, &mut sources.place] {
            list.sort_unstable();
            list.dedup();
        }
        Ok(sources)
    }

    /// The filters as `tg-text` embeds them.
    pub fn filters(&self) -> Vec<u8> {
        let keys = |list: &[String]| {
            let unique: HashSet<u32> = list.iter().map(|word| key(word)).collect();
            unique.into_iter().collect::<Vec<u32>>()
        };
        let all = [keys(&self.given), keys(&self.family), keys(&self.common), keys(&self.place)];
        set([&all[0], &all[1], &all[2], &all[3]])
    }
}

/// Given and family names of the module: lists of strings, each behind `export const NAME`.
fn wikidata(module: &str) -> (Vec<String>, Vec<String>) {
    let (mut given, mut family, mut of_families) = (Vec::new(), Vec::new(), false);
    for line in module.lines() {
        if line.starts_with("export const") {
            of_families = line.contains("FAMILY");
        }
        let Some(name) = line.trim().strip_prefix('"').and_then(|rest| rest.split('"').next()) else { continue };
        let list = if of_families { &mut family } else { &mut given };
        list.extend(name.split([' ']).filter(|part| part.chars().count() > 1).map(str::to_owned));
    }
    (given, family)
}

/// Names of the census, capitals in the source: the first word of each line.
fn census(text: &str) -> Vec<String> {
    let names = text.lines().filter_map(|line| line.split_whitespace().next());
    names.filter(|name| name.len() > 1).map(capital).collect()
}

fn capital(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |first| first.to_string() + &chars.as_str().to_lowercase())
}
