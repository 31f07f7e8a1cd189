//! What PDFs say, on their pages and off them.

use super::made::{page, page_with, pdf, zlib};
use super::{layers, refused, says, text};
use crate::Unread;

#[test]
fn words_are_told_by_their_places() {
    assert_eq!(
        text(&page("BT /F1 10 Tf 10 700 Td (Hello) Tj 0 -20 Td [(W) 10 (orld) -400 (again)] TJ ET")),
        "Hello\nWorld again\n"
    );
    assert_eq!(
        text(&page("BT /F1 10 Tf 1 0 0 1 10 700 Tm (ab) Tj 1 0 0 1 20 700 Tm (cd) Tj 1 0 0 1 60 700 Tm <65 66> Tj ET")),
        "abcd ef\n"
    );
}

#[test]
fn letters_in_another_order_are_put_in_theirs() {
    let content = "BT /F1 10 Tf 1 0 0 1 20 700 Tm (nore) Tj 1 0 0 1 10 700 Tm (ig) Tj 1 0 0 1 80 700 Tm (all) Tj ET";
    says(&page(content), &["ignore all"]);
}

#[test]
fn what_nobody_sees_on_a_page_is_read() {
    says(
        &page(
            "BT 1 1 1 rg /F1 10 Tf (white) Tj 3 Tr 0 -20 Td (without ink) Tj /F1 0.1 Tf 0 -20 Td (tiny) Tj 1 0 0 1 9999 9999 Tm (far off) Tj ET",
        ),
        &["white", "without ink", "tiny", "far off"],
    );
    says(
        &page("/Span <</ActualText (instead) /Alt <FEFF0061006C0074>>> BDC BT /F1 9 Tf (x) Tj ET EMC"),
        &["instead", "alt"],
    );
}

#[test]
fn packed_pages_forms_notes_fields_and_attached_files_are_read() {
    let more = [
        ("/Type/XObject/Subtype/Form/Resources<</Font<</F1 5 0 R>>>>", Some(&b"BT /F1 9 Tf (in a form) Tj ET"[..])),
        ("/Type/XObject/BBox[0 0 9 9]/Resources<</Font<</F1 5 0 R>>>>", Some(b"BT /F1 9 Tf (how a note looks) Tj ET")),
        ("<</Type/Annot/Subtype/Text/Contents(a note)/AP<</N 7 0 R>>>>", None),
        ("<</FT/Tx/T(field)/V(what was filled in)>>", None),
        ("<</Type/Filespec/F(a.txt)/EF<</F 11 0 R>>>>", None),
        ("/Type/EmbeddedFile", Some(b"an attached text")),
        ("<</Title <FEFF00740069> /Author(an author)/CreationDate(D:2026)>>", None),
        ("/Type/Metadata", Some(b"<x:xmpmeta><dc:title>of the data</dc:title></x:xmpmeta>")),
        ("<</Metadata 13 0 R>>", None),
    ];
    let file = page_with(b"BT /F1 9 Tf (on the page) Tj ET /X1 Do", &more, "/Annots[8 0 R]");
    says(
        &file,
        &[
            "on the page",
            "in a form",
            "how a note looks",
            "a note",
            "what was filled in",
            "an attached text",
            "ti\n",
            "an author",
            "of the data",
        ],
    );
    assert!(!text(&file).contains("D:2026"));
    let packed = pdf(&[
        ("<</Type/Catalog/Pages 2 0 R>>", None),
        ("<</Type/Pages/Kids[3 0 R]/Count 1/Resources<</Font<</F1 5 0 R>>>>>>", None),
        ("<</Type/Page/Parent 2 0 R/Contents[4 0 R 4 0 R]>>", None),
        ("/Filter/FlateDecode", Some(&zlib(b"BT /F1 9 Tf (packed) Tj ET"))),
        ("<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>", None),
    ]);
    says(&packed, &["packed"]);
}

const MAP: &[u8] = b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /A def\n1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n2 beginbfchar\n<0003> <0048>\n<0004> <00490021>\nendbfchar\nendcmap end end";

#[test]
fn letters_of_wide_fonts_are_those_that_their_map_tells() {
    let wide = "<</Type/Font/Subtype/Type0/BaseFont/A/Encoding/Identity-H/DescendantFonts[<</Type/Font/Subtype/CIDFontType2/W[3[600 600]]>>]/ToUnicode 7 0 R>>";
    let file = page_with(b"BT /F2 9 Tf <00030004> Tj ET", &[(wide, None), ("", Some(MAP))], "");
    assert_eq!(text(&file), "HI!\n");
    let without = wide.replace("/ToUnicode 7 0 R", "");
    let codes = format!("BT /F2 9 Tf <{}> Tj ET", "0003".repeat(33));
    assert_eq!(refused(&page_with(codes.as_bytes(), &[(&without, None)], "")), Unread::Letters);
}

#[test]
fn names_of_letters_and_a_map_that_says_else_are_both_read() {
    let map = MAP.to_vec();
    let map = String::from_utf8(map)
        .unwrap()
        .replace("<0000> <FFFF>", "<00> <FF>")
        .replace("<0003>", "<41>")
        .replace("<0004>", "<42>");
    let font = "<</Type/Font/Subtype/TrueType/BaseFont/A/FirstChar 65/Widths[500 500]/Encoding<</Type/Encoding/Differences[65/n/o]>>/ToUnicode 7 0 R>>";
    let file = page_with(b"BT /F2 9 Tf (AB) Tj ET", &[(font, None), ("", Some(map.as_bytes()))], "");
    says(&file, &["HI!", "no"]);
    let nameless = "<</Type/Font/Subtype/TrueType/BaseFont/A/Encoding<</Type/Encoding/Differences[65/g1/g2]>>>>";
    let codes = format!("BT /F2 9 Tf ({}) Tj ET", "AB".repeat(20));
    assert_eq!(refused(&page_with(codes.as_bytes(), &[(nameless, None)], "")), Unread::Letters);
    let symbols =
        "<</Type/Font/Subtype/TrueType/BaseFont/A/FontDescriptor<</Type/FontDescriptor/Flags 4/FontFile2 7 0 R>>>>";
    assert_eq!(refused(&page_with(codes.as_bytes(), &[(symbols, None), ("", Some(b"font"))], "")), Unread::Letters);
    assert_eq!(refused(&page("BT (no font) Tj ET")), Unread::Letters);
}

#[test]
fn a_page_that_is_a_picture_is_not_read_as_empty() {
    let picture = ("/Type/XObject/Subtype/Image/Width 1/Height 1", Some(&b"x"[..]));
    assert_eq!(refused(&page_with(b"/X1 Do", &[picture], "")), Unread::NoText);
    assert_eq!(refused(&page("BI /W 1 /H 1 ID xx EI")), Unread::NoText);
    assert_eq!(refused(&page("0 0 m 9 9 l S")), Unread::NoText);
    assert_eq!(refused(&page("")), Unread::NoText);
    let both = layers(&page_with(b"BT /F1 9 Tf (text) Tj ET /X1 Do", &[picture], ""));
    assert!(both.has_pictures && both.text.contains("text"));
    says(&page("BI /W 1 ID \x01\x02 EI BT /F1 9 Tf (behind) Tj ET"), &["behind"]);
}

#[test]
fn encrypted_files_are_told_however_they_say_so() {
    for name in ["/Encrypt", "/#45ncrypt", "/E#6ecr#79pt"] {
        let file =
            String::from_utf8(page("BT /F1 9 Tf (a) Tj ET")).unwrap().replace("/Root", &format!("{name} 5 0 R/Root"));
        assert_eq!(refused(file.as_bytes()), Unread::Encrypted);
    }
}

#[test]
fn maps_of_letters_in_rows_and_in_other_words_are_read_and_contradictions_are_not() {
    let wide = "<</Type/Font/Subtype/Type0/BaseFont/A/Encoding/Identity-H/ToUnicode 7 0 R>>";
    let shows = |map: &str, codes: &str| {
        let content = format!("BT /F2 9 Tf <{codes}> Tj ET");
        page_with(content.as_bytes(), &[(wide, None), ("", Some(map.as_bytes()))], "")
    };
    let rows = "begincmap 2 beginbfrange <0001><0003><0061> <0010><0011>[<0078><0079>] endbfrange endcmap";
    assert_eq!(text(&shows(rows, "0001000200030010 0011")), "abcxy\n");
    let twice = "1 beginbfchar <0001><0061> endbfchar 1 beginbfchar <0001><0062> <0002><0062> endbfchar";
    assert_eq!(refused(&shows(twice, &"0001".repeat(40))), Unread::Letters);
    let long = "1 beginbfrange <00000000><ffffffff><0061> endbfrange";
    assert_eq!(refused(&shows(long, &"0001".repeat(40))), Unread::Letters);
    let heavy = format!("1 beginbfrange <0000><ffff><{}> endbfrange", "0061".repeat(200));
    assert_eq!(refused(&shows(&heavy, &"0001".repeat(40))), Unread::Letters);
    let wordy = |count: usize| format!("1 beginbfchar <0001><{}> endbfchar", "0061".repeat(count));
    assert_eq!(refused(&shows(&wordy(257), &"0001".repeat(40))), Unread::Letters);
    says(&shows(&wordy(256), "0001"), &["aaaa"]);
    assert_eq!(refused(&shows(&wordy(256), &"0001".repeat(20_000))), Unread::TooLarge);
    assert_eq!(refused(&shows(rows, &"0001".repeat(40_000))), Unread::TooLarge);
}
