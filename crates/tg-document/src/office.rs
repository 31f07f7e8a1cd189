//! Packages of Word, Excel, PowerPoint and OpenDocument: each of their parts is read, or the package is not.

use crate::archive::{Archive, Entry};
use crate::budget::Budget;
use crate::markup::{Event, decoded, walk};
use crate::shown::Readings;
use crate::{Layers, Unread, workbook};
use std::borrow::Cow;

/// Longest name of a kind of file that an OpenDocument has for itself.
const KIND_BYTES_MAX: usize = 128;

/// So much of a font in a file of Word is veiled.
const VEILED_BYTES: usize = 32;

/// Behind it, fonts have zeros within so many bytes, in their table of what lies where.
const HEAD_BYTES: usize = 64;

/// What a list of a Mac begins with is no longer.
const LIST_HEAD_BYTES: usize = 512;

/// What a part is, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// XML: all that it says.
    Markup,
    /// A picture that is XML.
    Drawing,
    /// A text as it stands.
    Text,
    /// A picture.
    Picture,
    /// Another file.
    File,
    /// Nothing that says anything: fonts, settings of printers, the picture that stands for the file in folders.
    Mute,
    /// Nobody knows.
    Unknown,
}

/// Whether an old compound file is what an encrypted package looks like.
pub(crate) fn is_encrypted(file: &[u8]) -> bool {
    let name: Vec<u8> = "EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect();
    file.windows(name.len()).any(|bytes| bytes == name)
}

/// Reads a package.
pub(crate) fn read(file: &[u8], layers: &mut Layers, budget: &mut Budget) -> Result<(), Unread> {
    let archive = Archive::open(file)?;
    let named = |name: &str| archive.entries().iter().find(|entry| entry.name == name);
    let is_office = named("[content_types].xml").is_some();
    let is_open = match named("mimetype") {
        Some(kind) => archive.read(kind, budget)?.starts_with(b"application/vnd.oasis.opendocument."),
        None => false,
    };
    if is_office == is_open {
        return Err(Unread::Format);
    }
    if let Some(manifest) = named("meta-inf/manifest.xml").filter(|_| is_open) {
        let manifest = archive.read(manifest, budget)?;
        if decoded(&manifest)?.contains("encryption-data") {
            return Err(Unread::Encrypted);
        }
    }
    let mut strings = match named("xl/sharedstrings.xml") {
        Some(entry) => workbook::Strings::read(&decoded(&archive.read(entry, budget)?)?, budget)?,
        None => workbook::Strings::default(),
    };
    let mut entries: Vec<&Entry> = archive.entries().iter().filter(|entry| !entry.is_empty()).collect();
    entries.sort_by_cached_key(|entry| in_order(&entry.name));
    for entry in entries {
        let named = part(&entry.name);
        if named == Part::Unknown && entry.size > 0 {
            return Err(Unread::Embedded);
        }
        let bytes = archive.read(entry, budget)?;
        layers.has_pictures |= matches!(named, Part::Picture | Part::Drawing);
        match in_truth(named, &entry.name, &bytes)? {
            Part::Mute | Part::Picture | Part::Unknown => {}
            Part::File => crate::read_into(&bytes, layers, budget).map_err(within)?,
            Part::Text => as_it_stands(&entry.name, &bytes, layers, budget)?,
            _ if entry.name == "xl/sharedstrings.xml" => {}
            _ if entry.name.starts_with("xl/worksheets/") && entry.name.ends_with(".xml") => {
                workbook::sheet(&decoded(&bytes)?, &mut strings, layers, budget)?;
            }
            _ => markup(&entry.name, &decoded(&bytes)?, layers, budget)?,
        }
    }
    strings.rest(layers, budget)
}

/// A text as it stands. Where it is XML, some reader may take it for a part of the document: it is read as one, too.
fn as_it_stands(name: &str, bytes: &[u8], layers: &mut Layers, budget: &mut Budget) -> Result<(), Unread> {
    let text = decoded(bytes)?;
    budget.say(&mut layers.text, &text)?;
    budget.say(&mut layers.text, "\n")?;
    if !is_markup(bytes) {
        return Ok(());
    }
    match markup(name, &text, layers, budget) {
        // Pages of the web need not be XML.
        Err(Unread::Damaged) if name.ends_with(".htm") || name.ends_with(".html") => Ok(()),
        read => read,
    }
}

/// What a part is, by its name and its bytes: readers go by what a package says about its parts, and may well take what is
/// named like a picture for the document.
fn in_truth(named: Part, name: &str, bytes: &[u8]) -> Result<Part, Unread> {
    match named {
        Part::File if is_markup(bytes) => Ok(Part::Markup),
        Part::Mute if name == "mimetype" && bytes.starts_with(b"application/") && bytes.len() <= KIND_BYTES_MAX => {
            Ok(named)
        }
        Part::Mute if is_list_of_a_mac(bytes) => Ok(named),
        Part::Mute | Part::Picture if is_markup(bytes) => Ok(Part::Markup),
        Part::Mute | Part::Picture if crate::is_plain(bytes) || is_wide_text(bytes) => Ok(Part::Text),
        Part::Mute | Part::Picture if is_other_file(bytes) => Err(Unread::Embedded),
        _ => Ok(named),
    }
}

/// Whether it may be XML to a reader, in whichever encoding. Fonts and pictures may begin like that by chance, and have zeros
/// then, which XML has only where its letters are of several bytes.
fn is_markup(bytes: &[u8]) -> bool {
    let begin = bytes.iter().find(|byte| !matches!(byte, 0 | 9 | 10 | 13 | 32 | 0xef | 0xbb | 0xbf | 0xfe | 0xff));
    let is_wide = matches!(
        bytes,
        [b'<', 0, ..] | [0, b'<', ..] | [0, 0, 0, b'<', 0, ..] | [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, 0, 0xfe, ..]
    );
    let has_zeros = bytes.iter().skip(VEILED_BYTES).take(HEAD_BYTES).any(|byte| *byte == 0);
    begin == Some(&b'<') && (is_wide || !has_zeros) || bytes.starts_with(b"\x4c\x6f\xa7\x94")
}

/// Whether it says of itself that its letters are of two bytes.
fn is_wide_text(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff])
}

/// Whether it is a file of a kind that readers take into a document. Fonts and pictures have zeros, and texts have none.
fn is_other_file(bytes: &[u8]) -> bool {
    !bytes.contains(&0)
        || [&b"PK"[..], b"\xd0\xcf\x11\xe0", b"{\\rtf"].iter().any(|mark| bytes.starts_with(mark))
        || crate::is_pdf(bytes)
}

/// Whether it is a list of settings as Office on a Mac keeps those of printers. Its root is none that a document has.
fn is_list_of_a_mac(bytes: &[u8]) -> bool {
    let begin = bytes.iter().position(|byte| *byte == b'<').unwrap_or_default();
    let head = bytes.get(begin..).unwrap_or_default();
    let head = String::from_utf8_lossy(head.get(..LIST_HEAD_BYTES).unwrap_or(head));
    let root = || {
        let (_, behind) = head.strip_prefix("<?xml ")?.split_once("?>")?;
        let (kind, behind) = behind.trim_start().strip_prefix("<!DOCTYPE plist PUBLIC ")?.split_once('>')?;
        Some(!kind.contains('[') && behind.trim_start().starts_with("<plist "))
    };
    root().unwrap_or_default()
}

/// Why a file is not read that lies within another.
const fn within(unread: Unread) -> Unread {
    match unread {
        Unread::TooLarge | Unread::Time | Unread::Encrypted => unread,
        _ => Unread::Embedded,
    }
}

/// A name by which parts stand in their order: `slide2` before `slide10`.
fn in_order(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 8);
    let mut digits = String::new();
    for c in name.chars().chain([' ']) {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        if !digits.is_empty() {
            out.push_str(&format!("{digits:0>8}"));
            digits.clear();
        }
        out.push(c);
    }
    out
}

fn part(name: &str) -> Part {
    let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
    let ending = file.rsplit_once('.').map_or("", |(_, ending)| ending);
    let is_thumbnail = matches!(folder, "thumbnails" | "docprops") && file.starts_with("thumbnail.");
    match ending {
        _ if is_thumbnail => Part::Mute,
        "xml" | "rels" | "vml" | "rdf" | "xhtml" => Part::Markup,
        "svg" => Part::Drawing,
        "txt" | "csv" | "htm" | "html" | "json" | "md" => Part::Text,
        "png" | "jpg" | "jpeg" | "jpe" | "jfif" | "gif" | "bmp" | "dib" | "tif" | "tiff" | "webp" | "wmf" | "emf"
        | "wdp" | "jxr" | "ico" | "heic" | "avif" => Part::Picture,
        "docx" | "docm" | "dotx" | "xlsx" | "xlsm" | "xltx" | "pptx" | "pptm" | "potx" | "odt" | "ods" | "odp"
        | "pdf" => Part::File,
        "ttf" | "otf" | "odttf" | "fntdata" => Part::Mute,
        "bin" if folder.ends_with("/printersettings") => Part::Mute,
        "" if folder == "objectreplacements" => Part::Picture,
        "" if matches!(name, "mimetype" | "layout-cache") => Part::Mute,
        _ => Part::Unknown,
    }
}

/// What one part of a package says.
fn markup(name: &str, xml: &str, layers: &mut Layers, budget: &mut Budget) -> Result<(), Unread> {
    let has_labels = !is_of_looks(name);
    let mut part = Spoken::default();
    let mut labels = Labels::default();
    walk(xml, budget, |event, budget| {
        if has_labels {
            labels.hear(&event, budget)?;
        }
        part.hear(event, budget)
    })?;
    part.readings.finish(layers, budget)?;
    layers.text.push_str(&labels.said);
    Ok(())
}

/// Whether a part says how things look: its attributes are names of fonts and of styles.
fn is_of_looks(name: &str) -> bool {
    let file = name.rsplit_once('/').map_or(name, |(_, file)| file);
    name.contains("/theme/")
        || ["styles.xml", "fonttable.xml", "settings.xml", "websettings.xml", "[content_types].xml", "manifest.xml"]
            .contains(&file)
        || file.starts_with("tablestyles")
}

/// Attributes that say something: what stands for a picture, where a link leads, what a cell asks for.
#[derive(Default)]
pub(crate) struct Labels {
    pub(crate) said: String,
    element: String,
}

impl Labels {
    pub(crate) fn hear(&mut self, event: &Event<'_>, budget: &mut Budget) -> Result<(), Unread> {
        match event {
            Event::Begins(_, name) => (*name).clone_into(&mut self.element),
            Event::Attribute(name, value) if says(&self.element, name, value) => {
                budget.say(&mut self.said, value)?;
                budget.say(&mut self.said, "\n")?;
                if *name == "formula" {
                    self.shows(value, budget)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The strings in a formula, put together: about what it shows.
    pub(crate) fn shows(&mut self, formula: &str, budget: &mut Budget) -> Result<(), Unread> {
        let mut strings = formula.split('"').skip(1).step_by(2).filter(|string| !string.is_empty()).peekable();
        if strings.peek().is_some() {
            strings.try_for_each(|string| budget.say(&mut self.said, string))?;
            budget.say(&mut self.said, "\n")?;
        }
        Ok(())
    }
}

fn says(element: &str, attribute: &str, value: &str) -> bool {
    let is_said = match attribute {
        "descr" | "title" | "alt" | "tooltip" | "prompt" | "promptTitle" | "error" | "errorTitle" | "string-value"
        | "author" | "displayName" | "displayText" | "display-name" | "description" | "label" | "caption" | "help"
        | "instr" | "formula" | "condition" | "statusText" | "initials" | "comment" | "value" | "placeholder" => true,
        "name" | "v" | "display" | "val" => value.contains(char::is_whitespace) || is_named(element),
        "Target" | "href" => value.contains(':') || value.contains(char::is_whitespace),
        _ => false,
    };
    is_said && value.contains(char::is_alphanumeric)
}

/// Whether names and values of an element are of its author's making.
fn is_named(element: &str) -> bool {
    matches!(
        element,
        "docPr"
            | "cNvPr"
            | "sheet"
            | "definedName"
            | "table"
            | "alias"
            | "tag"
            | "docVar"
            | "s"
            | "hyperlink"
            | "section"
    )
}

/// What the elements of a part say, one behind the other.
#[derive(Default)]
struct Spoken {
    readings: Readings,
    /// Its pieces go on within a line until an element ends that is known to end it; else each element is by itself.
    is_flow: Option<bool>,
    /// Elements around it that do not show what they say.
    hidden: usize,
    /// The run that it stands in is hidden.
    vanishes: bool,
    element: String,
}

impl Spoken {
    fn hear(&mut self, event: Event<'_>, budget: &mut Budget) -> Result<(), Unread> {
        match event {
            Event::Begins(prefix, name) => {
                self.is_flow.get_or_insert_with(|| is_flow(name));
                name.clone_into(&mut self.element);
                self.hidden += usize::from(hides(name));
                let is_shown = self.is_shown();
                if self.is_flow == Some(true) && begins_line(name) {
                    self.readings.part('\n', is_shown);
                }
                match (prefix, name) {
                    (_, "br" | "cr" | "line-break") => self.readings.part('\n', is_shown),
                    (_, "tab" | "ptab") => self.readings.part('\t', is_shown),
                    (_, "noBreakHyphen") => self.say("-", budget)?,
                    ("text", "s") => self.readings.part(' ', is_shown),
                    (_, "vanish") => self.vanishes = true,
                    _ => {}
                }
            }
            Event::Attribute("val", value) if self.element == "vanish" => {
                self.vanishes = !matches!(&*value, "0" | "false" | "off");
            }
            Event::Text(text) if text.trim().is_empty() && text.contains('\n') => {}
            Event::Text(text) => self.say(&text, budget)?,
            Event::Ends(name) => {
                let is_shown = self.hidden == 0;
                self.hidden -= usize::from(hides(name)).min(self.hidden);
                match name {
                    "r" | "pPr" => self.vanishes = false,
                    "tc" | "table-cell" => self.readings.part('\t', is_shown),
                    _ => {}
                }
                if self.is_flow != Some(true) || ends_line(name) {
                    self.readings.part('\n', is_shown);
                }
            }
            Event::Attribute(..) | Event::Opened => {}
        }
        Ok(())
    }

    fn say(&mut self, text: &str, budget: &mut Budget) -> Result<(), Unread> {
        // Line ends within a text are blanks to those who lay it out.
        let text = if text.contains('\n') { Cow::Owned(text.replace('\n', " ")) } else { Cow::Borrowed(text) };
        let is_shown = self.is_shown();
        self.readings.say(&text, is_shown, budget)
    }

    const fn is_shown(&self) -> bool {
        self.hidden == 0 && !self.vanishes
    }
}

/// Whether the parts with this root are prose.
fn is_flow(root: &str) -> bool {
    matches!(
        root,
        "document"
            | "hdr"
            | "ftr"
            | "footnotes"
            | "endnotes"
            | "comments"
            | "glossaryDocument"
            | "sld"
            | "notes"
            | "notesMaster"
            | "handoutMaster"
            | "sldMaster"
            | "sldLayout"
            | "cmLst"
            | "wsDr"
            | "userShapes"
            | "dataModel"
            | "drawing"
            | "chartSpace"
            | "document-content"
            | "document-styles"
    )
}

/// Whether what stands in an element is in the file, and not on the page.
fn hides(name: &str) -> bool {
    matches!(
        name,
        "del"
            | "moveFrom"
            | "delText"
            | "instrText"
            | "delInstrText"
            | "annotation"
            | "note"
            | "hidden-text"
            | "tracked-changes"
    )
}

/// Whether what stands in an element is by itself, though it stands within a line.
fn begins_line(name: &str) -> bool {
    matches!(name, "p" | "h" | "tbl" | "table" | "txbxContent" | "txBody" | "text-box" | "note" | "annotation")
}

fn ends_line(name: &str) -> bool {
    matches!(
        name,
        "p" | "h"
            | "tr"
            | "table-row"
            | "comment"
            | "footnote"
            | "endnote"
            | "sp"
            | "txBody"
            | "list-item"
            | "table"
            | "annotation"
            | "note"
            | "v"
            | "pt"
            | "text"
            | "cm"
            | "creator"
            | "title"
            | "desc"
            // What is no run of a text, and may stand right before one.
            | "author"
            | "note-citation"
            | "f"
            | "formatCode"
            | "separator"
    )
}
