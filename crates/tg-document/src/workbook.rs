//! Excel's sheets: cells by rows, with the strings that they share in their places.

use crate::budget::Budget;
use crate::markup::{Event, walk};
use crate::office::Labels;
use crate::shown::Readings;
use crate::{Layers, Unread};

/// The strings of a workbook, and which of them stand in a cell.
#[derive(Default)]
pub(crate) struct Strings {
    all: Vec<(String, bool)>,
}

impl Strings {
    pub(crate) fn read(xml: &str, budget: &mut Budget) -> Result<Self, Unread> {
        let mut all = Vec::new();
        let mut own = String::new();
        walk(xml, budget, |event, budget| {
            match event {
                // What stands between strings is none of them, and would not be read.
                Event::Begins(_, "si") if !own.trim().is_empty() => return Err(Unread::Damaged),
                Event::Begins(_, "si") => own.clear(),
                Event::Text(text) => {
                    budget.say(&mut own, &text)?;
                }
                Event::Ends("si") => all.push((std::mem::take(&mut own), false)),
                _ => {}
            }
            Ok(())
        })?;
        if own.trim().is_empty() { Ok(Self { all }) } else { Err(Unread::Damaged) }
    }

    /// Those that stand in no cell.
    pub(crate) fn rest(self, layers: &mut Layers, budget: &mut Budget) -> Result<(), Unread> {
        for (text, _) in self.all.iter().filter(|(_, is_used)| !is_used) {
            budget.say(&mut layers.text, text)?;
            budget.say(&mut layers.text, "\n")?;
        }
        Ok(())
    }
}

/// What stands above or below a printed sheet, without the codes that say where and how: they would run into its words.
fn as_printed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let code = if letter == '&' { letters.next() } else { None };
        match code {
            None => out.push(letter),
            Some('&') => out.push('&'),
            // A font, with its style.
            Some('"') => drop(letters.by_ref().find(|letter| *letter == '"')),
            // A colour, by its parts or from the theme.
            Some('K') => drop(letters.by_ref().take(6).last()),
            Some('0'..='9') => while letters.next_if(char::is_ascii_digit).is_some() {},
            Some('B' | 'E' | 'H' | 'I' | 'O' | 'S' | 'U' | 'X' | 'Y') => {}
            // Places on the page, and what is put in: its number, the time.
            Some(_) => out.push(' '),
        }
    }
    out
}

/// Reads a sheet, hidden or not.
pub(crate) fn sheet(xml: &str, strings: &mut Strings, layers: &mut Layers, budget: &mut Budget) -> Result<(), Unread> {
    let mut readings = Readings::default();
    let mut labels = Labels::default();
    let (mut element, mut is_shared) = (String::new(), false);
    walk(xml, budget, |event, budget| {
        labels.hear(&event, budget)?;
        match event {
            Event::Begins(_, name) => {
                name.clone_into(&mut element);
                if name == "c" {
                    is_shared = false;
                }
            }
            Event::Attribute("t", kind) if element == "c" => is_shared = kind == "s",
            Event::Text(text) if text.trim().is_empty() && text.contains('\n') => {}
            Event::Text(text) if element == "v" && is_shared => {
                let index = text.trim().parse::<usize>().ok();
                let string = index.and_then(|index| strings.all.get_mut(index)).ok_or(Unread::Damaged)?;
                string.1 = true;
                readings.say(&string.0, true, budget)?;
            }
            Event::Text(text) => {
                readings.say(&text, true, budget)?;
                match element.as_str() {
                    "f" => labels.shows(&text, budget)?,
                    name if name.ends_with("Header") || name.ends_with("Footer") => {
                        budget.say(&mut labels.said, &as_printed(&text))?;
                        budget.say(&mut labels.said, "\n")?;
                    }
                    _ => {}
                }
            }
            Event::Ends("v" | "f" | "is" | "c") => readings.part('\t', true),
            Event::Ends("t" | "r") => {}
            Event::Ends(_) => readings.part('\n', true),
            Event::Attribute(..) | Event::Opened => {}
        }
        Ok(())
    })?;
    readings.finish(layers, budget)?;
    layers.text.push_str(&labels.said);
    Ok(())
}
