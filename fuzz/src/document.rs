//! What must hold for the bytes of any file, and for any text inside one that is whole.

use std::time::{Duration, Instant};
use tg_document::{Limits, Unread, read};

/// How long a file may be read.
const TIME_MAX: Duration = Duration::from_secs(2);

/// How much longer it may take on a machine that is busy, with checks in the code.
const PATIENCE: u32 = 5;

/// Most text.
const TEXT_BYTES_MAX: usize = 1 << 20;

/// Parts of office files, by the formats that have them.
const PARTS: [&str; 10] = [
    "word/document.xml",
    "word/header1.xml",
    "word/comments.xml",
    "xl/workbook.xml",
    "xl/sharedStrings.xml",
    "xl/worksheets/sheet1.xml",
    "ppt/slides/slide1.xml",
    "content.xml",
    "docProps/core.xml",
    "word/media/image1.svg",
];

/// Any bytes as a file: it is read the same way twice, within time and room, and no code of the reader's own breaks off. That
/// libraries beneath it do is expected, and no more than a reason: the targets tolerate it.
///
/// # Panics
/// When a promise is broken.
pub fn document(data: &[u8]) {
    let limits = Limits { time: TIME_MAX, text_bytes: TEXT_BYTES_MAX, ..Limits::default() };
    let begun = Instant::now();
    let first = read(data, &limits);
    assert!(begun.elapsed() < TIME_MAX * PATIENCE, "it took {:?}", begun.elapsed());
    if let Ok(layers) = &first {
        assert!(!layers.text.trim().is_empty() && layers.text.len() <= TEXT_BYTES_MAX, "{}", layers.text.len());
    }
    let again = read(data, &limits);
    // What takes too long may do so once, and not again.
    assert!(again == first || [&again, &first].contains(&&Err(Unread::Time)), "{first:?}, then {again:?}");
}

/// Any text as a part of an office file, or as what a page of a PDF shows: behind sums and lengths that are right.
///
/// # Panics
/// When a promise is broken.
pub fn document_parts(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else {
        return what_is_wrapped_is_read();
    };
    match PARTS.get(usize::from(*kind)) {
        Some(name) => document(&package(&[("[Content_Types].xml", b"<Types/>"), (name, rest)])),
        None => document(&page(rest)),
    }
}

/// Else every text would stand in a file that is damaged, and nothing be tried: looked at once, as fuzzing begins with nothing.
fn what_is_wrapped_is_read() {
    let limits = Limits::default();
    let shows = |file: &[u8]| read(file, &limits).is_ok_and(|layers| layers.text.contains("a text"));
    assert!(shows(&page(b"BT /F1 12 Tf 50 700 Td (a text) Tj ET")));
    for part in PARTS {
        let text: &[u8] = b"<sst><si><t>a text</t></si></sst>";
        assert!(shows(&package(&[("[Content_Types].xml", b"<Types/>"), (part, text)])), "{part}");
    }
}

/// A PDF of one page with this content.
fn page(content: &[u8]) -> Vec<u8> {
    let head = format!("<</Length {}>>\nstream\n", content.len());
    let objects: [&[u8]; 5] = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        &[head.as_bytes(), content, b"\nendstream"].concat(),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
    ];
    let mut out = b"%PDF-1.7\n%\xff\xff\n".to_vec();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (number, object) in (1..).zip(objects) {
        table += &format!("{:010} 00000 n \n", out.len());
        out.extend([format!("{number} 0 obj\n").as_bytes(), object, b"\nendobj\n"].concat());
    }
    let (start, size) = (out.len(), objects.len() + 1);
    let end = format!("{table}trailer\n<</Size {size}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n");
    out.extend(end.as_bytes());
    out
}

/// A package with these entries, as they are.
fn package(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    let long = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
    let short = |number: usize| u16::try_from(number).unwrap_or(u16::MAX).to_le_bytes();
    for (name, content) in entries {
        let (start, size, length) = (long(out.len()), long(content.len()), short(name.len()));
        let common = [&[20, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &sum(content), &size, &size, &length, &[0, 0]].concat();
        out.extend([b"PK\x03\x04", common.as_slice(), name.as_bytes(), content].concat());
        directory.extend([b"PK\x01\x02\x14\0", common.as_slice(), &[0; 10], &start, name.as_bytes()].concat());
    }
    let (start, size, count) = (long(out.len()), long(directory.len()), short(entries.len()));
    out.extend([directory.as_slice(), b"PK\x05\x06\0\0\0\0", &count, &count, &size, &start, &[0, 0]].concat());
    out
}

/// The sum that packages have of what is in them.
fn sum(bytes: &[u8]) -> [u8; 4] {
    let step = |sum: u32, _| if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 };
    (!bytes.iter().fold(u32::MAX, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), step))).to_le_bytes()
}
