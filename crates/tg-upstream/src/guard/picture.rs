//! Pictures that services are to look at: what their bytes say of their format and their size, read strictly, and which of them
//! a service takes.

use super::memory::Key;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

/// A still picture in a format that some service takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    format: Format,
    /// Pixels of its longer side.
    side: u32,
    bytes: usize,
    base64: String,
    pub(super) key: Key,
}

/// Formats of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Png,
    Jpeg,
    Webp,
}

/// Why a picture is not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unseen {
    /// Its bytes are not those of a picture, or it is cut off before its size is known.
    Damaged,
    /// Its format is none that the service takes.
    Format,
    /// It is several pictures that follow each other.
    Moving,
    /// It has more bytes than the service takes.
    Bytes,
    /// It has more pixels than the service takes.
    Pixels,
}

/// Which pictures a service takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    pub(super) formats: &'static [Format],
    pub(super) bytes_max: usize,
    /// Most pixels of a side.
    pub(super) side_max: Option<u32>,
}

impl Format {
    /// The name in media types, and at AWS.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Webp => "webp",
        }
    }
}

impl Unseen {
    /// The name in the ledger and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Damaged => "damaged",
            Self::Format => "format",
            Self::Moving => "moving",
            Self::Bytes => "too_large",
            Self::Pixels => "too_many_pixels",
        }
    }

    /// What callers are told.
    #[must_use]
    pub const fn told(self) -> &'static str {
        match self {
            Self::Damaged => "it cannot be read",
            Self::Format => "its format is not looked at",
            Self::Moving => "pictures that move are not looked at",
            Self::Bytes => "it has too many bytes to be looked at",
            Self::Pixels => "it has too many pixels to be looked at",
        }
    }
}

impl Sight {
    /// Whether the service takes this picture.
    ///
    /// # Errors
    /// Why not.
    pub fn takes(&self, picture: &Picture) -> Result<(), Unseen> {
        match () {
            () if !self.formats.contains(&picture.format) => Err(Unseen::Format),
            () if picture.bytes > self.bytes_max => Err(Unseen::Bytes),
            () if self.side_max.is_some_and(|most| picture.side > most) => Err(Unseen::Pixels),
            () => Ok(()),
        }
    }
}

impl Picture {
    /// Reads what a picture's bytes say of it. What they are called is not looked at.
    ///
    /// # Errors
    /// When they are no picture that any service takes.
    pub fn read(bytes: &[u8]) -> Result<Self, Unseen> {
        let (format, (width, height)) = if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            (Format::Png, png(bytes)?)
        } else if bytes.starts_with(b"\xff\xd8\xff") {
            (Format::Jpeg, jpeg(bytes).ok_or(Unseen::Damaged)?)
        } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
            (Format::Webp, webp(bytes)?)
        } else {
            return Err(Unseen::Format);
        };
        if width == 0 || height == 0 {
            return Err(Unseen::Damaged);
        }
        let mut hash = Sha256::new();
        // No text has this way.
        hash.update("picture\0");
        hash.update(bytes);
        let (side, key) = (width.max(height), hash.finalize().into());
        Ok(Self { format, side, bytes: bytes.len(), base64: STANDARD.encode(bytes), key })
    }

    /// The format's name.
    pub(super) const fn format(&self) -> &'static str {
        self.format.as_str()
    }

    /// Its bytes, as JSON carries them.
    pub(super) fn base64(&self) -> &str {
        &self.base64
    }
}

/// Width and height of a PNG. Chunks before its pixels may say that it moves.
fn png(bytes: &[u8]) -> Result<(u32, u32), Unseen> {
    let mut at = 8;
    let mut size = None;
    loop {
        let length = number(bytes, at, 4, true).ok_or(Unseen::Damaged)?;
        let name = bytes.get(at + 4..at + 8).ok_or(Unseen::Damaged)?;
        match (name, size) {
            (b"IHDR", None) => {
                let side = |at| number(bytes, at, 4, true).ok_or(Unseen::Damaged);
                size = Some((side(at + 8)?, side(at + 12)?));
            }
            (b"acTL", Some(_)) => return Err(Unseen::Moving),
            (b"IDAT", Some(size)) => return Ok(size),
            (_, Some(_)) => {}
            (_, None) => return Err(Unseen::Damaged),
        }
        let length = usize::try_from(length).map_err(|_| Unseen::Damaged)?;
        at = at.checked_add(length).and_then(|end| end.checked_add(12)).ok_or(Unseen::Damaged)?;
    }
}

/// Width and height of a JPEG: of its first frame, which stands before its pixels.
fn jpeg(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut at = 2;
    loop {
        if *bytes.get(at)? != 0xff {
            return None;
        }
        while *bytes.get(at)? == 0xff {
            at += 1;
        }
        let marker = *bytes.get(at)?;
        match marker {
            // Without a length.
            0x01 | 0xd0..=0xd8 => at += 1,
            // A frame; tables and what is reserved have numbers between.
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                return Some((number(bytes, at + 6, 2, true)?, number(bytes, at + 4, 2, true)?));
            }
            // Pixels, or the end, before there is a frame.
            0x00 | 0xd9 | 0xda => return None,
            _ => at += 1 + usize::try_from(number(bytes, at + 1, 2, true)?).ok()?,
        }
    }
}

/// Width and height of a WebP.
fn webp(bytes: &[u8]) -> Result<(u32, u32), Unseen> {
    const LOW_14: u32 = 0x3fff;
    let of = |at, length| number(bytes, at, length, false).ok_or(Unseen::Damaged);
    match bytes.get(12..16) {
        Some(b"VP8 ") if bytes.get(23..26) == Some(b"\x9d\x01\x2a") => Ok((of(26, 2)? & LOW_14, of(28, 2)? & LOW_14)),
        Some(b"VP8L") if bytes.get(20) == Some(&0x2f) => {
            let bits = of(21, 4)?;
            Ok(((bits & LOW_14) + 1, (bits >> 14 & LOW_14) + 1))
        }
        Some(b"VP8X") if of(20, 1)? & 2 != 0 => Err(Unseen::Moving),
        Some(b"VP8X") => Ok((of(24, 3)? + 1, of(27, 3)? + 1)),
        _ => Err(Unseen::Damaged),
    }
}

/// A number of up to four bytes.
fn number(bytes: &[u8], at: usize, length: usize, is_big_first: bool) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(length)?)?;
    let step = |sum: u32, byte: &u8| sum << 8 | u32::from(*byte);
    Some(if is_big_first { bytes.iter().fold(0, step) } else { bytes.iter().rev().fold(0, step) })
}

#[cfg(test)]
mod tests {
    use super::{Format, Picture, Sight, Unseen};

    fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
        [&u32::try_from(data.len()).unwrap().to_be_bytes()[..], name, data, &[0; 4]].concat()
    }

    fn png(width: u32, height: u32, between: &[Vec<u8>]) -> Vec<u8> {
        let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
        let parts = [b"\x89PNG\r\n\x1a\n".to_vec(), chunk(b"IHDR", &header), between.concat(), chunk(b"IDAT", b"x")];
        parts.concat()
    }

    fn jpeg(width: u16, height: u16) -> Vec<u8> {
        let frame = [&[0xff, 0xc0, 0, 17, 8][..], &height.to_be_bytes(), &width.to_be_bytes(), &[3; 10]].concat();
        // A table and a comment before it, which has the bytes of a frame in it.
        [&b"\xff\xd8\xff\xc4\0\x03x\xff\xff\xfe\0\x06\xff\xc0\0\0"[..], &frame].concat()
    }

    fn webp(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
        [b"RIFF\0\0\0\0WEBP", &kind[..], &[0; 4], data].concat()
    }

    fn shown(bytes: &[u8]) -> Result<(&'static str, u32), Unseen> {
        Picture::read(bytes).map(|picture| (picture.format(), picture.side))
    }

    #[test]
    fn a_picture_is_what_its_bytes_say() {
        let text = chunk(b"tEXt", b"acTL");
        assert_eq!(shown(&png(3, 9, &[text])), Ok(("png", 9)));
        assert_eq!(shown(&png(3, 0, &[])), Err(Unseen::Damaged));
        assert_eq!(shown(&png(3, 9, &[chunk(b"acTL", &[0; 8])])), Err(Unseen::Moving));
        assert_eq!(shown(&jpeg(700, 20)), Ok(("jpeg", 700)));
        assert_eq!(shown(b"\xff\xd8\xff\xda\0\x02"), Err(Unseen::Damaged));
        assert_eq!(shown(&webp(b"VP8 ", b"\0\0\0\x9d\x01\x2a\x05\x40\x07\x40")), Ok(("webp", 7)));
        assert_eq!(shown(&webp(b"VP8L", b"\x2f\x04\x80\x01\x00")), Ok(("webp", 7)));
        assert_eq!(shown(&webp(b"VP8X", b"\0\0\0\0\x04\0\0\x06\0\0")), Ok(("webp", 7)));
        assert_eq!(shown(&webp(b"VP8X", b"\x02\0\0\0\x04\0\0\x06\0\0")), Err(Unseen::Moving));
        assert_eq!(shown(&webp(b"ALPH", b"")), Err(Unseen::Damaged));
        for other in [&b"GIF89a\x01\0\x01\0"[..], b"<svg/>", b"%PDF-1.7", b""] {
            assert_eq!(shown(other), Err(Unseen::Format));
        }
        for whole in [png(3, 9, &[]), jpeg(7, 2), webp(b"VP8L", b"\x2f\x04\x80\x01\x00")] {
            for end in 12..whole.len() {
                let cut = shown(&whole[..end]);
                assert!(matches!(cut, Err(Unseen::Damaged) | Ok(_)), "{cut:?}");
            }
        }
    }

    #[test]
    fn a_service_takes_what_it_can_see() {
        let sight = Sight { formats: &[Format::Png], bytes_max: 80, side_max: Some(9) };
        let takes = |bytes: &[u8]| sight.takes(&Picture::read(bytes).unwrap());
        assert_eq!(takes(&png(3, 9, &[])), Ok(()));
        assert_eq!(takes(&png(10, 9, &[])), Err(Unseen::Pixels));
        assert_eq!(takes(&png(3, 9, &[chunk(b"tEXt", &[b'a'; 60])])), Err(Unseen::Bytes));
        assert_eq!(takes(&jpeg(3, 9)), Err(Unseen::Format));
        let key = |bytes: &[u8]| Picture::read(bytes).unwrap().key;
        assert_eq!(key(&png(3, 9, &[])), key(&png(3, 9, &[])));
        assert_ne!(key(&png(3, 9, &[])), key(&png(9, 3, &[])));
    }
}
