//! The form of what a call asks: its length, lines and marks, whatever its words.

/// Numbers of the form.
pub const FORM: usize = 48;
/// Which of them the difficulty is told by: the length, and how many of the options are numbers. More of them told it worse
/// on subjects that were held out.
pub const HARD: [usize; 2] = [0, 31];

const CODE_ENDS: &[u8] = b";{}),";

/// Counts over the lines and bytes of a text.
#[derive(Clone, Debug, Default)]
pub struct Form {
    bytes: u32,
    foreign: u32,
    digits: u32,
    marks: [u32; MARKS],
    lines: u32,
    blank: u32,
    indented: u32,
    code: u32,
    options: u32,
    option_bytes: u32,
    option_digits: u32,
    before_options: u32,
    bullets: u32,
    labels: u32,
    short: u32,
    fences: u32,
    ends_in: u8,
    parts: u32,
    words: [u32; 3],
    unique: u32,
    letters: u32,
}

/// Kinds of marks: `?`, `!`, `:`, quotation marks, `<>`, `[]`, `{}`, `()`, operators, money and per cent, `_`, `,`, `.`, `-`.
const MARKS: usize = 14;

/// The kind of each byte's mark, or one more than there are.
const KINDS: [u8; 256] = {
    let mut kinds = [MARKS as u8; 256];
    kinds[b'?' as usize] = 0;
    kinds[b'!' as usize] = 1;
    kinds[b':' as usize] = 2;
    kinds[b'"' as usize] = 3;
    kinds[b'<' as usize] = 4;
    kinds[b'>' as usize] = 4;
    kinds[b'[' as usize] = 5;
    kinds[b']' as usize] = 5;
    kinds[b'{' as usize] = 6;
    kinds[b'}' as usize] = 6;
    kinds[b'(' as usize] = 7;
    kinds[b')' as usize] = 7;
    kinds[b'=' as usize] = 8;
    kinds[b'+' as usize] = 8;
    kinds[b'*' as usize] = 8;
    kinds[b'/' as usize] = 8;
    kinds[b'^' as usize] = 8;
    kinds[b'\\' as usize] = 8;
    kinds[b'$' as usize] = 9;
    kinds[b'%' as usize] = 9;
    kinds[b'_' as usize] = 10;
    kinds[b',' as usize] = 11;
    kinds[b'.' as usize] = 12;
    kinds[b'-' as usize] = 13;
    kinds
};

impl Form {
    /// Counts over the parts of a text; `words` by zone, how many of them are different, and their letters are known.
    #[must_use]
    pub fn of(parts: &[&str], words: [u32; 3], unique: u32, letters: u32) -> Self {
        let mut form = Self { words, unique, letters, ..Self::default() };
        for part in parts {
            form.parts += 1;
            form.marks(part.as_bytes());
            for line in part.as_bytes().split(|b| *b == b'\n') {
                form.line(line);
            }
            if let Some(last) = part.trim_ascii_end().as_bytes().last() {
                form.ends_in = *last;
            }
        }
        form
    }

    fn marks(&mut self, bytes: &[u8]) {
        self.bytes += count(bytes.len());
        let mut marks = [0_u32; MARKS + 1];
        for byte in bytes {
            if let Some(mark) = marks.get_mut(usize::from(KINDS[usize::from(*byte)])) {
                *mark += 1;
            }
            self.digits += u32::from(byte.is_ascii_digit());
            self.foreign += u32::from(*byte >= 0x80);
        }
        self.marks.iter_mut().zip(marks).for_each(|(a, b)| *a += b);
    }

    fn line(&mut self, line: &[u8]) {
        self.lines += 1;
        let bare = line.trim_ascii();
        let (Some(first), Some(last)) = (bare.first(), bare.last()) else {
            self.blank += 1;
            return;
        };
        self.short += u32::from(bare.len() < 40);
        self.indented += u32::from(line.starts_with(b"  ") || line.starts_with(b"\t"));
        self.code += u32::from(CODE_ENDS.contains(last));
        self.bullets += u32::from(matches!(bare, [b'-' | b'*', b' ', ..]) || bare.starts_with("•".as_bytes()));
        self.fences += u32::from(bare.starts_with(b"```"));
        self.labels += u32::from(is_label(bare));
        if let Some(said) = option(bare) {
            self.options += 1;
            self.option_bytes += count(said.len());
            let digits = said.first().is_some_and(|b| b.is_ascii_digit() || *b == b'-' || *b == b'$');
            self.option_digits += u32::from(digits);
        } else if self.options == 0 && first.is_ascii() {
            self.before_options += count(bare.len());
        }
    }

    fn numbers(&self) -> [f32; FORM - MARKS] {
        let bytes = self.bytes.max(16) as f32;
        let lines = self.lines.max(1) as f32;
        let [lead, tail, body] = self.words.map(|words| words as f32);
        let words = (lead + tail + body).max(1.0);
        let options = self.options.max(1) as f32;
        let said = |yes: bool| if yes { 1.0 } else { 0.0 };
        let log = |count: u32, of: f32| (count as f32 / of).ln_1p();
        [
            (bytes / 64.0).ln_1p(),
            (words / 8.0).ln_1p(),
            (body / 16.0).ln_1p(),
            (lead / 4.0).ln_1p(),
            (tail / 4.0).ln_1p(),
            log(self.lines, 2.0),
            log(self.blank, 1.0),
            (words / lines / 8.0).ln_1p(),
            self.indented as f32 / lines * 2.0,
            self.code as f32 / lines * 2.0,
            self.options as f32 / lines * 2.0,
            log(self.options, 1.0),
            self.bullets as f32 / lines * 2.0,
            log(self.bullets, 1.0),
            log(self.labels, 1.0),
            self.short as f32 / lines,
            said(self.fences > 0),
            said(self.ends_in == b'?'),
            said(self.ends_in == b':'),
            said(self.ends_in == b'.'),
            said(self.marks[0] > 0),
            self.foreign as f32 / bytes,
            said(self.foreign as f32 > bytes * 0.3),
            self.digits as f32 / bytes * 10.0,
            log(self.digits, 2.0),
            said(bytes < 40.0),
            said(words < 5.0),
            (self.parts.min(3) as f32) - 1.0,
            self.unique as f32 / words,
            self.letters as f32 / words / 4.0,
            self.option_bytes as f32 / options / 40.0,
            self.option_digits as f32 / options,
            log(self.before_options, 64.0),
            said(body < 1.0),
        ]
    }

    /// All numbers, each in a range of a few units.
    pub fn inputs(&self) -> impl Iterator<Item = f32> {
        let bytes = self.bytes.max(16) as f32;
        let marks = self.marks.map(|marks| (marks as f32 * 30.0 / bytes).min(4.0));
        self.numbers().into_iter().chain(marks)
    }
}

fn count(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// What an option of a multiple choice says: behind `a.`, `(a)`, `a)`, `1.` and the like.
fn option(line: &[u8]) -> Option<&[u8]> {
    match line {
        [b'(', c, b')', rest @ ..] | [c, b'.' | b')', b' ', rest @ ..] if c.is_ascii_alphanumeric() => {
            Some(rest.trim_ascii_start())
        }
        _ => None,
    }
}

/// Whether a line begins with a short name and a colon: `text:`, `question 1:`.
fn is_label(line: &[u8]) -> bool {
    let front = line.get(..24).unwrap_or(line);
    let Some(at) = front.iter().position(|b| *b == b':') else { return false };
    let name = front.get(..at).unwrap_or_default();
    !name.is_empty()
        && name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b' ' || *b >= 0x80)
        && name.iter().filter(|b| **b == b' ').count() < 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_by_their_form() {
        let text = "question: which?\n(a) 12\nb) a cat\n- one\n  let x = f();\n\n```";
        let form = Form::of(&[text], [3, 3, 3], 9, 30);
        assert_eq!((form.lines, form.blank, form.options, form.option_digits), (7, 1, 2, 1));
        assert_eq!((form.bullets, form.labels, form.indented, form.code, form.fences), (1, 1, 1, 1, 1));
        let inputs: Vec<f32> = form.inputs().collect();
        assert_eq!(inputs.len(), FORM);
        assert_eq!(HARD.map(|at| inputs[at]), [(text.len() as f32 / 64.0).ln_1p(), 0.5]);
        assert!(form.inputs().all(f32::is_finite));
        assert!(Form::of(&[], [0; 3], 0, 0).inputs().all(f32::is_finite));
    }
}
