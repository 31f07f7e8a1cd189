//! Files that are made to break, to fill, or to hold up who reads them.

use super::made::{docx, office, page, page_with, pdf, zip, zlib};
use super::{refused, text};
use crate::{FILE_BYTES_MAX, Limits, Unread, read};
use proptest::prelude::*;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

static SOUND: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    vec![
        docx("<w:p><w:r><w:t>some text in a file</w:t></w:r></w:p>"),
        page("BT /F1 10 Tf 10 700 Td (Hello) Tj 0 -20 Td [(W) 10 (orld)] TJ ET"),
        page_with(
            &zlib(b"BT /F1 9 Tf (packed) Tj ET /X1 Do"),
            &[("/Type/XObject/Subtype/Form", Some(&b"BT /F1 9 Tf (form) Tj ET"[..]))],
            "/Annots[<</Contents(note)>>]",
        ),
        office(&[
            ("xl/sharedStrings.xml", "<sst><si><t>a</t></si></sst>"),
            ("xl/worksheets/sheet1.xml", "<worksheet><row><c t='s'><v>0</v></c></row></worksheet>"),
        ]),
    ]
});

#[test]
fn a_package_cut_off_or_with_a_flipped_bit_is_never_read_in_part() {
    let file = &SOUND[0];
    let whole = text(file);
    for end in 2..file.len() {
        assert!(read(&file[..end], &Limits::default()).is_err(), "{end}");
    }
    for at in 0..file.len() * 8 {
        let mut flipped = file.clone();
        flipped[at / 8] ^= 1 << (at % 8);
        if let Ok(layers) = read(&flipped, &Limits::default()) {
            assert_eq!(layers.text, whole, "bit {at}");
        }
    }
}

proptest! {
    #[test]
    fn no_file_upsets_it(which in 0..4_usize, cut in 0..4_096_usize, places in proptest::collection::vec((any::<u16>(), any::<u8>()), 0..12)) {
        let mut file = SOUND[which].clone();
        file.truncate(file.len().saturating_sub(cut % file.len()));
        for (at, byte) in places {
            let length = file.len();
            if let Some(own) = file.get_mut(usize::from(at) % length.max(1)) {
                *own = byte;
            }
        }
        let _ = read(&file, &Limits::default());
    }

    #[test]
    fn no_content_upsets_it(content in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&page_with(&content, &[], ""), &Limits::default());
    }
}

#[test]
fn packed_bombs_are_not_unpacked() {
    let zeros = vec![b' '; 64 << 20];
    let bomb = zip(&[("[Content_Types].xml", b"<Types/>"), ("word/document.xml", &zeros)]);
    assert!(bomb.len() < 1 << 20);
    assert_eq!(refused(&bomb), Unread::TooLarge);
    let twice = zlib(&zlib(&vec![b'q'; 256 << 20]));
    let content = pdf(&[
        ("<</Type/Catalog/Pages 2 0 R>>", None),
        ("<</Type/Pages/Kids[3 0 R]/Count 1>>", None),
        ("<</Type/Page/Parent 2 0 R/Contents 4 0 R>>", None),
        ("/Filter[/FlateDecode/FlateDecode]", Some(&twice)),
    ]);
    assert!(content.len() < 64 << 10);
    assert_eq!(refused(&content), Unread::TooLarge);
    let objects = zlib(&vec![b' '; 64 << 20]);
    let stream = page_with(b"", &[("/Type/ObjStm/N 1/First 4/Filter/FlateDecode", Some(&objects))], "");
    assert_eq!(refused(&stream), Unread::TooLarge);
}

#[test]
fn entries_that_lie_or_overlap_are_refused() {
    let good = docx("<w:p><w:t>a</w:t></w:p>");
    let mut twice = zip(&[("[Content_Types].xml", b"<Types/>"), ("a.xml", b"<a>one</a>"), ("A.xml", b"<a>two</a>")]);
    assert_eq!(refused(&twice), Unread::Damaged);
    twice = [b"PK\x03\x04 hidden before it ".as_slice(), &good].concat();
    assert_eq!(refused(&twice), Unread::Damaged);
    assert_eq!(refused(&[good.as_slice(), b"behind"].concat()), Unread::Damaged);
    let mut other_name = good.clone();
    other_name[30] = b'x';
    assert_eq!(refused(&other_name), Unread::Damaged);
    assert_eq!(refused(&vec![b'P'; FILE_BYTES_MAX + 1]), Unread::TooLarge);
    let many: Vec<(String, &[u8])> = (0..10_001).map(|n| (format!("{n}.xml"), &b""[..])).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
    assert_eq!(refused(&zip(&many)), Unread::TooLarge);
}

#[test]
fn an_entry_that_says_that_it_is_empty_and_is_not_is_refused() {
    let hidden: &[u8] = b"<a>not told</a>";
    let mut file = zip(&[("[Content_Types].xml", b"<Types/>"), ("a.xml", b"<a>told</a>"), ("b.xml", hidden)]);
    assert!(text(&file).contains("not told"));
    let sum = crc32fast::hash(hidden).to_le_bytes();
    let places: Vec<usize> = (0..file.len()).filter(|at| file[*at..].starts_with(&sum)).collect();
    assert_eq!(places.len(), 2);
    for at in places {
        file[at + 8..at + 12].fill(0);
    }
    assert_eq!(refused(&file), Unread::Damaged);
}

#[test]
fn a_file_that_is_a_package_and_pages_is_read_as_neither() {
    let (package, pages) = (docx("<w:p><w:t>a</w:t></w:p>"), page("BT /F1 9 Tf (b) Tj ET"));
    assert_eq!(refused(&[pages.as_slice(), &package].concat()), Unread::Damaged);
    assert_eq!(refused(&[package.as_slice(), &pages].concat()), Unread::Damaged);
    let named = zip(&[("%PDF-1.7.xml", b"<a>a</a>"), ("[Content_Types].xml", b"<Types/>")]);
    assert_eq!(refused(&named), Unread::Damaged);
}

#[test]
fn deep_nesting_ends_before_the_stack_does() {
    let deep = format!("{}{}", "<w:p>".repeat(100_000), "</w:p>".repeat(100_000));
    assert_eq!(refused(&docx(&deep)), Unread::TooLarge);
    for brackets in [("[", "]"), ("<<", ">>"), ("(", ")")] {
        let content = format!("{}{} BT /F1 9 Tf (a) Tj ET", brackets.0.repeat(100_000), brackets.1.repeat(100_000));
        let _ = read(&page(&content), &Limits::default());
        let object = format!("{}{}", brackets.0.repeat(100_000), brackets.1.repeat(100_000));
        let _ = read(&page_with(b"BT /F1 9 Tf (a) Tj ET", &[(&object, None)], ""), &Limits::default());
    }
}

#[test]
fn circles_end() {
    let again = ("/Type/XObject/Subtype/Form/Resources<</XObject<</X1 6 0 R>>>>", Some(&b"/X1 Do /X1 Do"[..]));
    assert_eq!(refused(&page_with(b"/X1 Do", &[again], "")), Unread::Damaged);
    let pages = pdf(&[("<</Type/Catalog/Pages 2 0 R>>", None), ("<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2>>", None)]);
    assert_eq!(refused(&pages), Unread::Damaged);
    let parents = pdf(&[
        ("<</Type/Catalog/Pages 2 0 R>>", None),
        ("<</Type/Pages/Kids[3 0 R]/Count 1/Parent 3 0 R>>", None),
        ("<</Type/Page/Parent 2 0 R/Contents 4 0 R>>", None),
        ("", Some(b"BT /F1 9 Tf (a) Tj ET")),
    ]);
    assert_eq!(refused(&parents), Unread::Letters);
    let myself = page_with(b"BT /F2 9 Tf (a) Tj ET", &[("6 0 R", None)], "");
    assert!(read(&myself, &Limits::default()).is_err());
}

#[test]
fn forms_within_forms_that_multiply_end_in_time() {
    let inner = b"/X Do ".repeat(40);
    let dicts: Vec<String> =
        (7..18).map(|n| format!("/Type/XObject/Subtype/Form/Resources<</XObject<</X {n} 0 R>>>>")).collect();
    let more: Vec<(&str, Option<&[u8]>)> = dicts.iter().map(|dict| (dict.as_str(), Some(&inner[..]))).collect();
    let file = page_with(b"/X1 Do", &more, "");
    let began = Instant::now();
    let limits = Limits { time: Duration::from_millis(200), ..Limits::default() };
    assert!(read(&file, &limits).is_err());
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[test]
fn too_many_objects_or_too_much_text_are_too_large() {
    let numbers = "0 ".repeat(2_100_000);
    assert_eq!(refused(&page_with(b"BT /F1 9 Tf (a) Tj ET", &[(&format!("[{numbers}]"), None)], "")), Unread::TooLarge);
    let many: Vec<(&str, Option<&[u8]>)> = vec![("<</A 1>>", None); 100_000];
    assert_eq!(text(&page_with(b"BT /F1 9 Tf (a) Tj ET", &many, "")), "a\n");
    let long = docx(&format!("<w:p><w:t>{}</w:t></w:p>", "abc ".repeat(1_100_000)));
    assert_eq!(refused(&long), Unread::TooLarge);
    let amplified = office(&[
        ("xl/sharedStrings.xml", &format!("<sst><si><t>{}</t></si></sst>", "x".repeat(30_000))),
        (
            "xl/worksheets/sheet1.xml",
            &format!("<worksheet><row>{}</row></worksheet>", "<c t='s'><v>0</v></c>".repeat(1_000)),
        ),
    ]);
    assert_eq!(refused(&amplified), Unread::TooLarge);
}
