//! What a content stream shows: its texts with their places, and whether it paints anything else.

use super::font::{Font, UNKNOWN};
use super::lexer::{Lexer, Operand};
use super::place::{Fragment, Matrix, distance};
use crate::Unread;
use crate::budget::Budget;
use lopdf::{Dictionary, Document, Object, ObjectId, Stream};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// How deep forms may lie within each other.
const FORMS_DEPTH_MAX: usize = 12;

/// How many states may be kept at a time.
const STATES_MAX: usize = 256;

/// Most letters of a file that nobody knows. Signs of lists and of mathematics often have no names.
const UNKNOWN_MAX: usize = 32;

/// Most text that all pages show together. A code may stand for many letters.
pub(super) const SHOWN_BYTES_MAX: usize = 4 << 20;

/// Longest piece of text, in bytes: the format knows half of that.
const PIECE_BYTES_MAX: usize = 1 << 16;

/// So many bytes of a piece are one step.
const STEP_BYTES: usize = 64;

/// Most pieces of text of a file.
const FRAGMENTS_MAX: usize = 400_000;

/// What is shared by all pages of a file.
pub(super) struct Interpreter<'a> {
    document: &'a Document,
    fonts: HashMap<usize, Rc<Font>>,
    contents: HashMap<ObjectId, Rc<[u8]>>,
    /// Forms that were shown.
    pub(super) seen: HashSet<ObjectId>,
    unknown: usize,
    shown: usize,
    fragments: usize,
    /// A picture was shown.
    pub(super) has_pictures: bool,
}

/// What a page, or a form by itself, shows.
#[derive(Default)]
pub(super) struct Page {
    pub(super) fragments: Vec<Fragment>,
    /// It paints something beside text.
    pub(super) is_painted: bool,
    /// Texts that stand for what is painted.
    pub(super) labels: String,
}

/// How texts are shown at a place of a stream.
#[derive(Clone)]
struct State {
    matrix: Matrix,
    font: Option<Rc<Font>>,
    size: f32,
    letter_space: f32,
    word_space: f32,
    scale: f32,
    leading: f32,
}

/// Where a stream is.
struct Cursor {
    state: State,
    kept: Vec<State>,
    text: Matrix,
    line: Matrix,
}

impl Cursor {
    fn new(matrix: Matrix) -> Self {
        let state =
            State { matrix, font: None, size: 1.0, letter_space: 0.0, word_space: 0.0, scale: 1.0, leading: 0.0 };
        Self { state, kept: Vec::new(), text: Matrix::ONE, line: Matrix::ONE }
    }

    fn next_line(&mut self, x: f32, y: f32) {
        self.line = Matrix([1.0, 0.0, 0.0, 1.0, x, y]).before(&self.line);
        self.text = self.line;
    }
}

impl<'a> Interpreter<'a> {
    pub(super) fn new(document: &'a Document) -> Self {
        let (fonts, contents, seen) = (HashMap::new(), HashMap::new(), HashSet::new());
        Self { document, fonts, contents, seen, unknown: 0, shown: 0, fragments: 0, has_pictures: false }
    }

    /// The content of a stream, unpacked once.
    pub(super) fn content(&mut self, id: ObjectId, budget: &mut Budget) -> Result<Rc<[u8]>, Unread> {
        if let Some(known) = self.contents.get(&id) {
            return Ok(Rc::clone(known));
        }
        let stream = self.document.get_object(id).and_then(Object::as_stream).map_err(|_| Unread::Damaged)?;
        let content: Rc<[u8]> = unpacked(stream, budget)?.into();
        self.contents.insert(id, Rc::clone(&content));
        Ok(content)
    }

    /// Shows a page, or a form by itself.
    pub(super) fn show(
        &mut self,
        content: &[u8],
        own: Option<&'a Dictionary>,
        budget: &mut Budget,
    ) -> Result<Page, Unread> {
        let mut page = Page::default();
        self.run(content, own, (Matrix::ONE, 0), &mut page, budget)?;
        Ok(page)
    }

    fn run(
        &mut self,
        content: &[u8],
        own: Option<&'a Dictionary>,
        (matrix, depth): (Matrix, usize),
        page: &mut Page,
        budget: &mut Budget,
    ) -> Result<(), Unread> {
        let mut lexer = Lexer::new(content);
        let mut cursor = Cursor::new(matrix);
        while let Some(operation) = lexer.next() {
            budget.step()?;
            let operands = operation.operands.as_slice();
            match operation.name {
                b"Do" => self.draw(operands, own, (cursor.state.matrix, depth), page, budget)?,
                b"Tf" | b"gs" => self.choose(operation.name, operands, own, &mut cursor.state, budget)?,
                b"Tj" | b"TJ" | b"'" | b"\"" => self.text(operation.name, operands, &mut cursor, page, budget)?,
                b"BDC" | b"DP" => label(operands, page, budget)?,
                b"f" | b"F" | b"f*" | b"B" | b"B*" | b"b" | b"b*" | b"S" | b"s" | b"sh" => page.is_painted = true,
                b"BI" | b"ID" => {
                    page.is_painted = true;
                    self.has_pictures = true;
                }
                name => moves(name, operands, &mut cursor),
            }
        }
        Ok(())
    }

    /// A picture or a form.
    fn draw(
        &mut self,
        operands: &[Operand],
        own: Option<&'a Dictionary>,
        (matrix, depth): (Matrix, usize),
        page: &mut Page,
        budget: &mut Budget,
    ) -> Result<(), Unread> {
        page.is_painted = true;
        let Some(Operand::Name(name)) = operands.last() else { return Ok(()) };
        let Some(found) = self.resource(own, b"XObject", name) else { return Ok(()) };
        let Ok((Some(id), Object::Stream(stream))) = self.document.dereference(found) else {
            return Err(Unread::Damaged);
        };
        if stream.dict.get_deref(b"Subtype", self.document).and_then(Object::as_name).ok() != Some(b"Form") {
            self.has_pictures = true;
            return Ok(());
        }
        if depth >= FORMS_DEPTH_MAX {
            return Err(Unread::Damaged);
        }
        self.seen.insert(id);
        let content = self.content(id, budget)?;
        let own = resources(&stream.dict, self.document).or(own);
        let numbers = stream.dict.get_deref(b"Matrix", self.document).and_then(Object::as_array).ok();
        let numbers = numbers.map(|all| all.iter().filter_map(|one| one.as_float().ok()).collect::<Vec<_>>());
        let form = numbers.and_then(|all| Matrix::of(&all)).unwrap_or(Matrix::ONE);
        self.run(&content, own, (form.before(&matrix), depth + 1), page, budget)
    }

    fn resource(&self, own: Option<&'a Dictionary>, kind: &[u8], name: &[u8]) -> Option<&'a Object> {
        own?.get_deref(kind, self.document).ok()?.as_dict().ok()?.get(name).ok()
    }

    /// The font, as it is named or as a state of graphics says.
    fn choose(
        &mut self,
        operator: &[u8],
        operands: &[Operand],
        own: Option<&'a Dictionary>,
        state: &mut State,
        budget: &mut Budget,
    ) -> Result<(), Unread> {
        let chosen = if operator == b"gs" {
            let Some(Operand::Name(name)) = operands.last() else { return Ok(()) };
            let found = self.resource(own, b"ExtGState", name);
            let font = found.and_then(|found| {
                let (_, found) = self.document.dereference(found).ok()?;
                found.as_dict().ok()?.get_deref(b"Font", self.document).ok()?.as_array().ok()
            });
            let Some([font, size, ..]) = font.map(Vec::as_slice) else { return Ok(()) };
            Some(font).zip(size.as_float().ok())
        } else {
            let [.., Operand::Name(name), Operand::Number(size)] = operands else { return Ok(()) };
            state.font = None;
            self.resource(own, b"Font", name).zip(Some(*size))
        };
        let Some((font, size)) = chosen else { return Ok(()) };
        let Ok((_, Object::Dictionary(dict))) = self.document.dereference(font) else { return Ok(()) };
        // The dictionary lives as long as the document, and stays where it is.
        let known = match self.fonts.entry(std::ptr::from_ref(dict).addr()) {
            Entry::Occupied(known) => Rc::clone(known.get()),
            Entry::Vacant(place) => {
                let font = Font::of(dict, self.document);
                budget.unpacked(font.room())?;
                Rc::clone(place.insert(Rc::new(font)))
            }
        };
        (state.font, state.size) = (Some(known), size);
        Ok(())
    }

    fn text(
        &mut self,
        operator: &[u8],
        operands: &[Operand],
        cursor: &mut Cursor,
        page: &mut Page,
        budget: &mut Budget,
    ) -> Result<(), Unread> {
        if matches!(operator, b"'" | b"\"") {
            if let [Operand::Number(words), Operand::Number(letters), _] = operands {
                (cursor.state.word_space, cursor.state.letter_space) = (*words, *letters);
            }
            cursor.next_line(0.0, -cursor.state.leading);
        }
        let pieces = match operands.last() {
            Some(Operand::List(pieces)) => pieces.as_slice(),
            Some(Operand::Bytes(_)) => operands.get(operands.len() - 1..).unwrap_or_default(),
            _ => return Ok(()),
        };
        for piece in pieces {
            match piece {
                Operand::Number(back) => {
                    let x = -back / 1000.0 * cursor.state.size * cursor.state.scale;
                    cursor.text = Matrix([1.0, 0.0, 0.0, 1.0, x, 0.0]).before(&cursor.text);
                }
                Operand::Bytes(codes) if !codes.is_empty() => self.piece(codes, cursor, page, budget)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn piece(&mut self, codes: &[u8], cursor: &mut Cursor, page: &mut Page, budget: &mut Budget) -> Result<(), Unread> {
        if codes.len() > PIECE_BYTES_MAX {
            return Err(Unread::TooLarge);
        }
        for _ in codes.chunks(STEP_BYTES) {
            budget.step()?;
        }
        let state = &cursor.state;
        // A text in a font that is not there is shown in another one by some readers.
        let Some(font) = &state.font else { return Err(Unread::Letters) };
        let shown = font.shows(codes);
        self.unknown += shown.text.matches(UNKNOWN).count();
        if self.unknown > UNKNOWN_MAX {
            return Err(Unread::Letters);
        }
        let spaces = state.letter_space * shown.letters as f32 + state.word_space * shown.blanks as f32;
        let width = (shown.width / 1000.0 * state.size + spaces) * state.scale;
        let place = cursor.text.before(&state.matrix);
        cursor.text = Matrix([1.0, 0.0, 0.0, 1.0, width, 0.0]).before(&cursor.text);
        let end = cursor.text.before(&state.matrix);
        let fragment = Fragment::new((&place, &end), state.size, shown.text, shown.otherwise);
        self.shown += fragment.text.len();
        if self.shown > SHOWN_BYTES_MAX {
            return Err(Unread::TooLarge);
        }
        match page.fragments.last_mut().filter(|last| distance(last, &fragment) == Some("")) {
            Some(last) => last.goes_on(fragment),
            None => {
                self.fragments += 1;
                if self.fragments > FRAGMENTS_MAX {
                    return Err(Unread::TooLarge);
                }
                page.fragments.push(fragment);
            }
        }
        Ok(())
    }
}

/// What a stream has packed.
pub(super) fn unpacked(stream: &Stream, budget: &mut Budget) -> Result<Vec<u8>, Unread> {
    let content = stream.get_plain_content_with_limit(budget.unpacked_left()).map_err(|error| match error {
        lopdf::Error::Decompress(lopdf::DecompressError::MemoryLimitExceeded { .. }) => Unread::TooLarge,
        _ => Unread::Damaged,
    })?;
    budget.unpacked(content.len())?;
    Ok(content)
}

/// What the names in a stream stand for.
pub(super) fn resources<'a>(own: &'a Dictionary, document: &'a Document) -> Option<&'a Dictionary> {
    own.get_deref(b"Resources", document).and_then(Object::as_dict).ok()
}

/// Texts in the properties of a marked stretch: what stands there instead, or what describes it.
fn label(operands: &[Operand], page: &mut Page, budget: &mut Budget) -> Result<(), Unread> {
    for operand in operands {
        match operand {
            Operand::List(inner) => label(inner, page, budget)?,
            Operand::Bytes(text) => {
                budget.say(&mut page.labels, &super::strings::text(text).unwrap_or_default())?;
                budget.say(&mut page.labels, "\n")?;
            }
            Operand::Number(_) | Operand::Name(_) => {}
        }
    }
    Ok(())
}

/// Operators that only say where, and how large.
fn moves(name: &[u8], operands: &[Operand], cursor: &mut Cursor) {
    let numbers: Vec<f32> = operands.iter().filter_map(Operand::number).collect();
    let Cursor { state, kept, .. } = cursor;
    match (name, numbers.as_slice()) {
        (b"q", _) if kept.len() < STATES_MAX => kept.push(state.clone()),
        (b"Q", _) => {
            if let Some(last) = kept.pop() {
                *state = last;
            }
        }
        (b"cm", all) => {
            if let Some(matrix) = Matrix::of(all) {
                state.matrix = matrix.before(&state.matrix);
            }
        }
        (b"BT", _) => (cursor.text, cursor.line) = (Matrix::ONE, Matrix::ONE),
        (b"Tm", all) => {
            if let Some(matrix) = Matrix::of(all) {
                (cursor.text, cursor.line) = (matrix, matrix);
            }
        }
        (b"Tc", [space]) => state.letter_space = *space,
        (b"Tw", [space]) => state.word_space = *space,
        (b"Tz", [percent]) => state.scale = percent / 100.0,
        (b"TL", [leading]) => state.leading = *leading,
        (b"Td", [x, y]) => cursor.next_line(*x, *y),
        (b"TD", [x, y]) => {
            state.leading = -y;
            cursor.next_line(*x, *y);
        }
        (b"T*", _) => {
            let leading = state.leading;
            cursor.next_line(0.0, -leading);
        }
        _ => {}
    }
}
