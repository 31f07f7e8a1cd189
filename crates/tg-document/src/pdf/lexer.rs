//! The operators of a content stream, read as leniently as readers do: what makes no sense is passed by.

/// Most operands of one operator: maps of letters have three hundred before a word.
const OPERANDS_MAX: usize = 1_024;

/// How deep arrays and dictionaries may lie within each other.
const DEPTH_MAX: usize = 16;

/// What an operator is applied to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operand {
    Number(f32),
    Bytes(Vec<u8>),
    Name(Vec<u8>),
    /// An array, or keys and values of a dictionary.
    List(Vec<Self>),
}

impl Operand {
    pub(super) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub(super) const fn number(&self) -> Option<f32> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }
}

/// An operator with its operands.
pub(super) struct Operation<'a> {
    pub(super) name: &'a [u8],
    pub(super) operands: Vec<Operand>,
}

/// Reads a content stream.
pub(super) struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// What comes next.
enum Token<'a> {
    Operand(Operand),
    Word(&'a [u8]),
    /// The end of an array or a dictionary.
    End,
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, 0 | 9 | 10 | 12 | 13 | 32)
}

const fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%')
}

pub(super) const fn is_regular(byte: u8) -> bool {
    !is_blank(byte) && !is_delimiter(byte)
}

impl<'a> Lexer<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take_while(&mut self, is_wanted: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|byte| !is_wanted(*byte)).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    /// The next operator.
    pub(super) fn next(&mut self) -> Option<Operation<'a>> {
        let mut operands = Vec::new();
        loop {
            match self.token(0)? {
                Token::Operand(operand) if operands.len() < OPERANDS_MAX => operands.push(operand),
                Token::Operand(_) | Token::End => {}
                Token::Word(name) => {
                    if name == b"ID" {
                        self.skip_picture();
                    }
                    return Some(Operation { name, operands });
                }
            }
        }
    }

    /// The data of a picture goes to the first word that may end it: what another reader takes for less of it is read.
    fn skip_picture(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let ends =
            |window: &[u8]| matches!(window, [before, b'E', b'I', behind] if is_blank(*before) && !is_regular(*behind));
        let length = rest.windows(4).position(ends).map_or(rest.len(), |at| at + 1);
        self.at += length;
    }

    fn token(&mut self, depth: usize) -> Option<Token<'a>> {
        loop {
            self.take_while(is_blank);
            let first = self.peek()?;
            self.at += 1;
            return Some(match first {
                b'%' => {
                    self.take_while(|byte| !matches!(byte, 10 | 13));
                    continue;
                }
                b'(' => Token::Operand(Operand::Bytes(self.literal())),
                b'<' if self.peek() == Some(b'<') => {
                    self.at += 1;
                    self.list(depth)
                }
                b'<' => Token::Operand(Operand::Bytes(self.hex())),
                b'[' => self.list(depth),
                b'>' if self.peek() == Some(b'>') => {
                    self.at += 1;
                    Token::End
                }
                b']' => Token::End,
                b'/' => Token::Operand(Operand::Name(name(self.take_while(is_regular)))),
                _ if is_delimiter(first) => continue,
                _ => {
                    self.at -= 1;
                    let word = self.take_while(is_regular);
                    number(word).map_or(Token::Word(word), |number| Token::Operand(Operand::Number(number)))
                }
            });
        }
    }

    fn list(&mut self, depth: usize) -> Token<'a> {
        let mut all = Vec::new();
        if depth < DEPTH_MAX {
            while let Some(token) = self.token(depth + 1) {
                match token {
                    Token::Operand(operand) => all.push(operand),
                    Token::End => break,
                    Token::Word(_) => {}
                }
            }
        }
        Token::Operand(Operand::List(all))
    }

    fn literal(&mut self) -> Vec<u8> {
        let (mut out, mut depth) = (Vec::new(), 1_usize);
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'\\' => self.escape(&mut out),
                b'(' => {
                    depth += 1;
                    out.push(byte);
                }
                b')' => {
                    depth -= 1;
                    if depth == 0 {
                        break;
                    }
                    out.push(byte);
                }
                _ => out.push(byte),
            }
        }
        out
    }

    fn escape(&mut self, out: &mut Vec<u8>) {
        let Some(byte) = self.peek() else { return };
        self.at += 1;
        match byte {
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'\r' => {
                if self.peek() == Some(b'\n') {
                    self.at += 1;
                }
            }
            b'\n' => {}
            b'0'..=b'7' => {
                let mut code = u32::from(byte - b'0');
                for _ in 0..2 {
                    let Some(digit) = self.peek().filter(|byte| matches!(byte, b'0'..=b'7')) else { break };
                    code = code * 8 + u32::from(digit - b'0');
                    self.at += 1;
                }
                out.push(u8::try_from(code & 0xff).unwrap_or_default());
            }
            _ => out.push(byte),
        }
    }

    fn hex(&mut self) -> Vec<u8> {
        let digits = self.take_while(|byte| byte != b'>');
        self.at += 1;
        let digits: Vec<u8> = digits.iter().filter_map(|byte| digit(*byte)).collect();
        let byte = |pair: &[u8]| pair.first().unwrap_or(&0) << 4 | pair.get(1).unwrap_or(&0);
        digits.chunks(2).map(byte).collect()
    }
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// A name with its escapes resolved.
pub(super) fn name(bytes: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::with_capacity(bytes.len()), bytes);
    while let [first, behind @ ..] = rest {
        rest = behind;
        if let (b'#', [high, low, further @ ..]) = (first, behind)
            && let (Some(high), Some(low)) = (digit(*high), digit(*low))
        {
            out.push(high << 4 | low);
            rest = further;
        } else {
            out.push(*first);
        }
    }
    out
}

fn number(word: &[u8]) -> Option<f32> {
    let is_one = word.first().is_some_and(|byte| byte.is_ascii_digit() || b"+-.".contains(byte));
    let own = std::str::from_utf8(word).ok().filter(|_| is_one)?;
    // Readers take the number that a word begins with.
    own.parse().ok().or_else(|| {
        let end = own.char_indices().skip(1).find(|(_, c)| !c.is_ascii_digit() && *c != '.').map(|(at, _)| at)?;
        own.get(..end)?.parse().ok()
    })
}
