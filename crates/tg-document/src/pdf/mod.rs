//! PDF: what its pages show, and all strings of it that are texts.

mod font;
mod letters;
mod lexer;
mod page;
mod place;
mod strings;

use crate::budget::Budget;
use crate::{Layers, Unread};
use lopdf::{Dictionary, Document, LoadOptions, Object, ObjectId};
use page::{Interpreter, resources, unpacked};
use std::cell::RefCell;
use std::collections::HashSet;
use std::time::Instant;

/// Most pages that are read.
const PAGES_MAX: usize = 2_000;

/// Most values (numbers, names, strings, arrays) that a file may consist of, streams aside.
const VALUES_MAX: usize = 2_000_000;

/// Largest stream of objects, or table of where they stand. Writers put some hundred objects into one.
const OBJECTS_BYTES_MAX: usize = 2 << 20;

/// How far up what is inherited by a page is looked for.
const PARENTS_MAX: usize = 64;

/// No name that matters is longer, with each of its letters escaped.
const NAME_BYTES_MAX: usize = 32;

/// How deep a value may lie in an object.
const VALUES_DEPTH_MAX: usize = 64;

thread_local! {
    /// What the file that this thread loads may still have: the library's filter takes no more than a function.
    static LOADING: RefCell<Option<Loading>> = const { RefCell::new(None) };
}

struct Loading {
    values: usize,
    until: Instant,
    is_over: Option<Unread>,
}

/// Reads a file.
pub(crate) fn read(file: &[u8], layers: &mut Layers, budget: &mut Budget) -> Result<(), Unread> {
    let document = load(file, budget)?;
    let pages: Vec<ObjectId> = document.page_iter().take(PAGES_MAX + 1).collect();
    if pages.len() > PAGES_MAX {
        return Err(Unread::TooLarge);
    }
    if pages.is_empty() || counted(&document).is_some_and(|count| count > pages.len()) {
        return Err(Unread::Damaged);
    }
    let mut interpreter = Interpreter::new(&document);
    for id in pages {
        let page = document.get_dictionary(id).map_err(|_| Unread::Damaged)?;
        let mut content = Vec::new();
        for part in contents(page, &document)? {
            content.extend_from_slice(&interpreter.content(part, budget)?);
            content.push(b'\n');
        }
        let page = interpreter.show(&content, inherited(page, &document), budget)?;
        let has_text = page.fragments.iter().any(|one| one.text.contains(char::is_alphanumeric));
        if page.is_painted && !has_text {
            return Err(Unread::NoText);
        }
        place::read(&page.fragments, &mut layers.text, budget)?;
        layers.text.push_str(&page.labels);
    }
    let mut seen = HashSet::new();
    let mut walk = Walk {
        document: &document,
        texts: String::new(),
        files: Vec::new(),
        listed: HashSet::new(),
        read_as_text: &mut seen,
    };
    walk.dictionary(&document.trailer, 0, budget)?;
    for (id, object) in &document.objects {
        budget.step()?;
        walk.value(object, b"", 0, budget)?;
        let Object::Stream(stream) = object else { continue };
        if is_shown(&stream.dict, &document) && !interpreter.seen.contains(id) {
            let content = interpreter.content(*id, budget)?;
            let page = interpreter.show(&content, resources(&stream.dict, &document), budget)?;
            place::read(&page.fragments, &mut walk.texts, budget)?;
            walk.texts.push_str(&page.labels);
        }
    }
    let Walk { texts, files, .. } = walk;
    layers.text.push_str(&texts);
    layers.has_pictures |= interpreter.has_pictures;
    for id in files {
        let bytes = interpreter.content(id, budget)?;
        if !bytes.is_empty() {
            crate::read_into(&bytes, layers, budget).map_err(|unread| match unread {
                Unread::TooLarge | Unread::Time | Unread::Encrypted => unread,
                _ => Unread::Embedded,
            })?;
        }
    }
    Ok(())
}

fn load(file: &[u8], budget: &Budget) -> Result<Document, Unread> {
    if tokens(file) > VALUES_MAX {
        return Err(Unread::TooLarge);
    }
    // The library loads encrypted files in another way, without a filter.
    if names_encryption(file) {
        return Err(Unread::Encrypted);
    }
    LOADING.set(Some(Loading { values: VALUES_MAX, until: budget.until(), is_over: None }));
    let options =
        LoadOptions { filter: Some(weigh), max_decompressed_size: Some(OBJECTS_BYTES_MAX), ..LoadOptions::default() };
    let loaded = Document::load_mem_with_options(file, options);
    if let Some(unread) = LOADING.take().and_then(|loading| loading.is_over) {
        return Err(unread);
    }
    let document = loaded.map_err(|error| match error {
        lopdf::Error::Decompress(lopdf::DecompressError::MemoryLimitExceeded { .. }) => Unread::TooLarge,
        lopdf::Error::InvalidPassword | lopdf::Error::Decryption(_) => Unread::Encrypted,
        _ => Unread::Damaged,
    })?;
    if document.is_encrypted() || document.was_encrypted() { Err(Unread::Encrypted) } else { Ok(document) }
}

/// Whether there is the name by which files say that they are encrypted, however it is written.
fn names_encryption(file: &[u8]) -> bool {
    let names = file.split(|byte| *byte == b'/').skip(1);
    names.into_iter().any(|name| {
        let end = name.iter().position(|byte| !lexer::is_regular(*byte)).unwrap_or(name.len());
        let own = name.get(..end.min(NAME_BYTES_MAX)).unwrap_or_default();
        lexer::name(own) == b"Encrypt"
    })
}

/// How many pages the file says that it has.
fn counted(document: &Document) -> Option<usize> {
    let pages = document.catalog().ok()?.get_deref(b"Pages", document).ok()?.as_dict().ok()?;
    usize::try_from(pages.get_deref(b"Count", document).ok()?.as_i64().ok()?).ok()
}

/// How many values there may be in a file, at most: each begins behind a blank, or with a sign of its own.
fn tokens(file: &[u8]) -> usize {
    let mut is_apart = true;
    let mut count = 0;
    for byte in file {
        let is_blank = matches!(byte, 0 | 9 | 10 | 12 | 13 | 32);
        count += usize::from(is_apart && !is_blank || matches!(byte, b'/' | b'[' | b'<' | b'('));
        is_apart = is_blank;
    }
    count
}

/// Takes an object that is loaded from what the file may have. Of one that is no stream, a copy goes on: that is what becomes
/// of objects in a stream of objects.
fn weigh(id: ObjectId, object: &mut Object) -> Option<(ObjectId, Object)> {
    LOADING.with_borrow_mut(|loading| {
        let loading = loading.as_mut()?;
        match loading.values.checked_sub(values(object, 0)) {
            Some(left) => loading.values = left,
            None => loading.is_over = Some(Unread::TooLarge),
        }
        if Instant::now() > loading.until {
            loading.is_over = Some(Unread::Time);
        }
        if loading.is_over.is_some() {
            return None;
        }
        Some((id, if matches!(object, Object::Stream(_)) { Object::Null } else { object.clone() }))
    })
}

fn values(object: &Object, depth: usize) -> usize {
    let inner = |all: &mut dyn Iterator<Item = &Object>| all.map(|one| values(one, depth + 1)).sum::<usize>();
    1 + match object {
        _ if depth > VALUES_DEPTH_MAX => VALUES_MAX,
        Object::Array(all) => inner(&mut all.iter()),
        Object::Dictionary(dict) => inner(&mut dict.iter().map(|(_, value)| value)),
        Object::Stream(stream) => inner(&mut stream.dict.iter().map(|(_, value)| value)),
        _ => 0,
    }
}

/// The streams that a page consists of.
fn contents(page: &Dictionary, document: &Document) -> Result<Vec<ObjectId>, Unread> {
    let Ok(own) = page.get(b"Contents") else { return Ok(Vec::new()) };
    let stream = |object: &Object| match document.dereference(object) {
        Ok((Some(id), Object::Stream(_))) => Ok(id),
        _ => Err(Unread::Damaged),
    };
    match document.dereference(own) {
        Ok((_, Object::Array(all))) => all.iter().map(stream).collect(),
        Ok((_, Object::Null)) => Ok(Vec::new()),
        _ => Ok(vec![stream(own)?]),
    }
}

/// What the names on a page stand for: its own, or those of what it belongs to.
fn inherited<'a>(page: &'a Dictionary, document: &'a Document) -> Option<&'a Dictionary> {
    let mut at = page;
    for _ in 0..PARENTS_MAX {
        if let Some(found) = resources(at, document) {
            return Some(found);
        }
        at = at.get_deref(b"Parent", document).and_then(Object::as_dict).ok()?;
    }
    None
}

/// Whether a stream is one of those that show something: a form, a pattern. How a note looks is shown whether it says that it
/// is a form or not; all of them have a box.
fn is_shown(dict: &Dictionary, document: &Document) -> bool {
    let kind = dict.get_deref(b"Subtype", document).and_then(Object::as_name).ok();
    let is_form = kind == Some(b"Form") || kind != Some(b"Image") && dict.has(b"BBox");
    is_form || dict.get_deref(b"PatternType", document).and_then(Object::as_i64).is_ok_and(|kind| kind == 1)
}

/// A walk through all values, for the texts among them.
struct Walk<'a> {
    document: &'a Document,
    texts: String,
    files: Vec<ObjectId>,
    /// The same, to be looked up.
    listed: HashSet<ObjectId>,
    read_as_text: &'a mut HashSet<ObjectId>,
}

impl Walk<'_> {
    fn value(&mut self, object: &Object, key: &[u8], depth: usize, budget: &mut Budget) -> Result<(), Unread> {
        budget.step()?;
        if depth > VALUES_DEPTH_MAX {
            return Err(Unread::Damaged);
        }
        match object {
            Object::String(bytes, _) if !is_mute(key) => match strings::text(bytes) {
                Some(text) => self.say(&text, budget),
                None => Ok(()),
            },
            Object::Array(all) => {
                let is_table = all
                    .first()
                    .is_some_and(|first| first.as_name().is_ok_and(|name| name == b"Indexed" || name == b"I"));
                let inner = all.iter().filter(|one| !is_table || one.as_str().is_err());
                inner.into_iter().try_for_each(|one| self.value(one, key, depth + 1, budget))
            }
            Object::Dictionary(dict) => self.dictionary(dict, depth + 1, budget),
            Object::Stream(stream) => self.dictionary(&stream.dict, depth + 1, budget),
            Object::Reference(id) if matches!(key, b"XFA" | b"JS" | b"RC" | b"RV" | b"V" | b"Metadata") => {
                self.stream(*id, budget)
            }
            _ => Ok(()),
        }
    }

    fn dictionary(&mut self, dict: &Dictionary, depth: usize, budget: &mut Budget) -> Result<(), Unread> {
        let is_signature = dict.has(b"ByteRange");
        if let Ok(files) = dict.get_deref(b"EF", self.document).and_then(Object::as_dict) {
            let own = files.iter().filter_map(|(_, file)| file.as_reference().ok());
            for id in own.collect::<Vec<_>>() {
                budget.step()?;
                if self.listed.insert(id) {
                    self.files.push(id);
                }
            }
        }
        let own = dict.iter().filter(|(key, _)| !(is_signature && key.as_slice() == b"Contents"));
        own.into_iter().try_for_each(|(key, value)| self.value(value, key, depth, budget))
    }

    /// A stream that is a text.
    fn stream(&mut self, id: ObjectId, budget: &mut Budget) -> Result<(), Unread> {
        let Ok(Object::Stream(stream)) = self.document.get_object(id) else { return Ok(()) };
        if !self.read_as_text.insert(id) {
            return Ok(());
        }
        let content = unpacked(stream, budget)?;
        let text = crate::markup::decoded(&content)?;
        self.say(&strings::untagged(&text), budget)
    }

    fn say(&mut self, text: &str, budget: &mut Budget) -> Result<(), Unread> {
        budget.say(&mut self.texts, text)?;
        budget.say(&mut self.texts, "\n")
    }
}

/// Strings under these names are no texts: sums, dates, names of fonts and of collections of letters.
fn is_mute(key: &[u8]) -> bool {
    matches!(
        key,
        b"ID"
            | b"CreationDate"
            | b"ModDate"
            | b"M"
            | b"CheckSum"
            | b"CharSet"
            | b"Panose"
            | b"Registry"
            | b"Ordering"
            | b"Cert"
            | b"DA"
            | b"Lang"
            | b"LastModified"
            | b"IDS"
            | b"FontFamily"
    )
}
