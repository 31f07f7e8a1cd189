//! What office files say, on their pages and off them.

use super::made::{docx, office, page, zip};
use super::{layers, refused, says, text};
use crate::Unread;

fn run(text: &str) -> String {
    format!("<w:r><w:t xml:space='preserve'>{text}</w:t></w:r>")
}

#[test]
fn a_word_split_into_runs_is_one_and_paragraphs_are_several() {
    let file = docx(&format!("<w:p>{}{}</w:p><w:p>{}</w:p>", run("pass"), run("word &amp; &#x41;"), run("next")));
    assert_eq!(text(&file), "password & A\nnext\n");
}

#[test]
fn what_is_deleted_or_hidden_is_read_and_parts_no_word_of_what_is_shown() {
    let hidden = "<w:r><w:rPr><w:vanish/></w:rPr><w:t>XX</w:t></w:r>";
    let deleted = "<w:del><w:r><w:delText>YY</w:delText></w:r></w:del>";
    let file = docx(&format!("<w:p>{}{hidden}{}{deleted}{}</w:p>", run("ig"), run("no"), run("re")));
    says(&file, &["igXXnoYYre", "ignore"]);
    let shown = docx("<w:p><w:r><w:rPr><w:vanish w:val='false'/></w:rPr><w:t>XX</w:t></w:r></w:p>");
    assert_eq!(text(&shown), "XX\n");
}

#[test]
fn comments_headers_notes_alternatives_and_properties_are_read() {
    let file = office(&[
        (
            "word/document.xml",
            "<w:document><w:p><w:drawing><wp:docPr id='1' descr='the alternative'/></w:drawing><w:r><w:t>a</w:t></w:r></w:p></w:document>",
        ),
        (
            "word/comments.xml",
            "<w:comments><w:comment><w:p><w:r><w:t>a comment</w:t></w:r></w:p></w:comment></w:comments>",
        ),
        ("word/header1.xml", "<w:hdr><w:p><w:r><w:t>a header</w:t></w:r></w:p></w:hdr>"),
        (
            "word/footnotes.xml",
            "<w:footnotes><w:footnote><w:p><w:r><w:t>a note</w:t></w:r></w:p></w:footnote></w:footnotes>",
        ),
        (
            "docProps/core.xml",
            "<cp:coreProperties><dc:title>a title</dc:title><dc:creator>a person</dc:creator></cp:coreProperties>",
        ),
        (
            "word/_rels/document.xml.rels",
            "<Relationships><Relationship Target='https://a.example/?q=a%20link' TargetMode='External'/></Relationships>",
        ),
        ("customXml/item1.xml", "<own><x>a part</x><y>of its own</y></own>"),
        ("word/theme/theme1.xml", "<a:theme name='Office Theme'/>"),
    ]);
    says(
        &file,
        &[
            "the alternative",
            "a comment\n",
            "a header",
            "a note",
            "a title\na person\n",
            "?q=a%20link",
            "a part\nof its own",
        ],
    );
    assert!(!text(&file).contains("Office Theme"));
}

#[test]
fn cells_stand_in_their_rows_hidden_sheets_and_unused_strings_too() {
    let file = office(&[
        ("xl/workbook.xml", "<workbook><sheets><sheet name='One' state='hidden'/></sheets></workbook>"),
        (
            "xl/sharedStrings.xml",
            "<sst><si><t>all previous</t></si><si><r><t>ig</t></r><r><t>nore</t></r></si><si><t>unused</t></si></sst>",
        ),
        (
            "xl/worksheets/sheet1.xml",
            "<worksheet><sheetData><row><c t='s'><v>1</v></c><c t='s'><v>0</v></c></row><row><c><f>1+1</f><v>4111111111111111</v></c><c t='inlineStr'><is><t>in line</t></is></c></row></sheetData><dataValidation prompt='a hint'/></worksheet>",
        ),
        (
            "xl/comments1.xml",
            "<comments><authors><author>Ann</author></authors><commentList><comment><text><t>a remark</t></text></comment></commentList></comments>",
        ),
    ]);
    says(
        &file,
        &["ignore\tall previous\n", "4111111111111111\tin line\n", "unused", "a hint", "a remark", "One", "Ann"],
    );
}

#[test]
fn slides_come_in_their_order_with_what_the_speaker_says() {
    let slide = |text: &str| {
        format!(
            "<p:sld><p:cSld><p:sp><p:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:txBody></p:sp></p:cSld></p:sld>"
        )
    };
    let file = office(&[
        ("ppt/slides/slide10.xml", &slide("tenth")),
        ("ppt/slides/slide2.xml", &slide("second")),
        ("ppt/notesSlides/notesSlide1.xml", "<p:notes><a:p><a:r><a:t>said beside</a:t></a:r></a:p></p:notes>"),
        ("ppt/media/image1.png", "png"),
        ("docProps/thumbnail.jpeg", "jpeg"),
    ]);
    says(&file, &["second\ntenth\n", "said beside"]);
    assert!(layers(&file).has_pictures);
    assert!(!layers(&docx(&format!("<w:p>{}</w:p>", run("a")))).has_pictures);
}

fn open_document(content: &str, manifest: &str) -> Vec<u8> {
    zip(&[
        ("mimetype", b"application/vnd.oasis.opendocument.text"),
        ("content.xml", content.as_bytes()),
        ("META-INF/manifest.xml", manifest.as_bytes()),
        ("Thumbnails/thumbnail.png", b"png"),
    ])
}

#[test]
fn open_documents_are_read_with_their_blanks_remarks_and_values() {
    let content = "<office:document-content><text:p>two<text:s/>words<office:annotation><text:p>a remark</text:p></office:annotation>, and <text:span>mo</text:span>re</text:p><table:table><table:table-row><table:table-cell office:string-value='a value'><text:p>one</text:p></table:table-cell><table:table-cell><text:p>two</text:p></table:table-cell></table:table-row></table:table></office:document-content>";
    let file = open_document(content, "<manifest/>");
    says(&file, &["two words", "a remark", "two words, and more", "a value", "one\n"]);
    assert!(!layers(&file).has_pictures);
    let encrypted = open_document("<x/>", "<manifest><file-entry><encryption-data/></file-entry></manifest>");
    assert_eq!(refused(&encrypted), Unread::Encrypted);
}

#[test]
fn what_lies_in_a_file_is_read_as_far_as_it_can_be() {
    let inner = docx(&format!("<w:p>{}</w:p>", run("within")));
    let with = |name: &str, bytes: &[u8]| {
        zip(&[("[Content_Types].xml", b"<Types/>"), ("word/document.xml", b"<w:document/>"), (name, bytes)])
    };
    let file = with("word/embeddings/a.docx", &inner);
    says(&file, &["within"]);
    says(&with("word/embeddings/a.pdf", &page("BT /F1 9 Tf (in a page) Tj ET")), &["in a page"]);
    assert_eq!(refused(&with("word/embeddings/a.bin", b"anything")), Unread::Embedded);
    assert_eq!(refused(&with("word/embeddings/a.docx", b"\x01 no package")), Unread::Embedded);
    let deep = (0..4).fold(inner, |file, _| with("word/embeddings/a.docx", &file));
    assert_eq!(refused(&deep), Unread::Embedded);
}

#[test]
fn a_document_that_is_named_like_a_picture_a_font_or_nothing_is_not_passed_by() {
    let with = |name: &str, bytes: &[u8]| {
        zip(&[("[Content_Types].xml", b"<Types/>"), ("word/document.xml", b"<w:t>a</w:t>"), (name, bytes)])
    };
    let document = "<w:document><w:p><w:t>ig</w:t><w:t>nore</w:t></w:p></w:document>";
    let wide: Vec<u8> = document.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for name in ["docProps/thumbnail.xml", "word/fonts/a.ttf", "word/fonts/a.odttf", "word/media/a.png", "word/a.txt"] {
        says(&with(name, format!("<?xml version='1.0'?>{document}").as_bytes()), &["ignore"]);
        says(&with(name, format!("\u{feff} {document}").as_bytes()), &["ignore"]);
        assert_eq!(refused(&with(name, &wide)), Unread::Damaged, "{name}");
    }
    says(&with("word/a.html", document.as_bytes()), &["ignore"]);
    says(&with("word/embeddings/a.docx", document.as_bytes()), &["ignore"]);
    assert!(layers(&with("word/media/a.png", b"<svg><text>drawn</text></svg>")).has_pictures);
    says(&with("word/media/a.png", b"to be taken in as a text"), &["as a text"]);
    for bytes in [&page("BT ET")[..], &docx("<w:p/>"), b"{\\rtf1 a}", b"\xd0\xcf\x11\xe0\0", b"of old: caf\xe9"] {
        assert_eq!(refused(&with("word/media/a.png", bytes)), Unread::Embedded);
    }
    let strings = with("xl/sharedStrings.xml", document.as_bytes());
    assert_eq!(refused(&strings), Unread::Damaged);
}

#[test]
fn fonts_pictures_and_settings_of_printers_hold_nothing_up() {
    let mut font = vec![b'<'; 32];
    font.extend([0, 1, 0, 0, b'c', b'm', b'a', b'p']);
    font.resize(200, 7);
    let mut picture = b"\0\0\0\x3cftypheic".to_vec();
    picture.resize(200, 0);
    let list = "\0\0<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//A//DTD PLIST 1.0//EN\" \"http://a.example/p.dtd\">\n<plist version=\"1.0\"><dict/></plist>";
    let file = zip(&[
        ("[Content_Types].xml", b"<Types/>"),
        ("word/document.xml", b"<w:t>a</w:t>"),
        ("word/fonts/a.odttf", &font),
        ("word/media/a.heic", &picture),
        ("xl/printerSettings/printerSettings1.bin", list.as_bytes()),
    ]);
    says(&file, &["a"]);
    assert!(!text(&file).contains("plist"));
}

#[test]
fn other_packages_and_old_formats_are_of_no_known_format() {
    assert_eq!(refused(&zip(&[("a.txt", b"hello")])), Unread::Format);
    assert_eq!(refused(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 Word of old"), Unread::Format);
    let mut encrypted = b"\xd0\xcf\x11\xe0".to_vec();
    encrypted.extend("EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes));
    assert_eq!(refused(&encrypted), Unread::Encrypted);
    assert_eq!(refused(b"{\\rtf1 hello}"), Unread::Format);
    assert_eq!(refused(b"\x89PNG\r\n\x1a\n"), Unread::Format);
    assert_eq!(refused(&docx("<w:p/>")), Unread::NoText);
    assert_eq!(text(b"a plain text"), "a plain text\n");
}

#[test]
fn parts_of_other_encodings_are_read_or_refused() {
    let wide: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(
            "<?xml version='1.0' encoding='UTF-16'?><w:document><w:t>wide</w:t></w:document>"
                .encode_utf16()
                .flat_map(u16::to_le_bytes),
        )
        .collect();
    let types: (&str, &[u8]) = ("[Content_Types].xml", b"<Types/>");
    says(&zip(&[types, ("word/document.xml", &wide)]), &["wide"]);
    for bad in [
        "<?xml version='1.0' encoding='UTF-7'?><w:document/>",
        "<!DOCTYPE x [<!ENTITY a 'b'>]><w:document>&a;</w:document>",
        "<w:document>&a;</w:document>",
        "<w:document><w:p></w:document>",
        "<w:document>",
    ] {
        assert_eq!(refused(&zip(&[types, ("word/document.xml", bad.as_bytes())])), Unread::Damaged, "{bad}");
    }
}

#[test]
fn nothing_runs_into_what_stands_beside_it() {
    let comments = "<comments><authors><author>Ann</author></authors><commentList><comment><text><t>word</t></text></comment></commentList></comments>";
    let sheet = "<worksheet><sheetData><row><c><f>IF(A1,\"one \",\"two\")&amp;A2</f></c></row></sheetData><headerFooter><oddHeader>&amp;C&amp;\"Arial,Bold\"&amp;12&amp;KFF0000pri&amp;Bnted &amp;&amp; &amp;Pread</oddHeader></headerFooter></worksheet>";
    let chart =
        "<c:chartSpace><c:f>Sheet1!$A$2</c:f><c:strCache><c:pt><c:v>label</c:v></c:pt></c:strCache></c:chartSpace>";
    let file = office(&[
        ("xl/workbook.xml", "<workbook/>"),
        ("xl/comments1.xml", comments),
        ("xl/worksheets/sheet1.xml", sheet),
        ("xl/charts/chart1.xml", chart),
    ]);
    says(&file, &["Ann\nword\n", "\none two\n", "\n printed &  read\n", "Sheet1!$A$2\nlabel\n"]);
    let boxed = "<w:r><w:txbxContent><w:p><w:r><w:t>boxed</w:t></w:r></w:p></w:txbxContent></w:r>";
    says(&docx(&format!("<w:p>{}{boxed}</w:p>", run("before"))), &["before\nboxed\n"]);
}
