//! Makes the files of the tests.

use flate2::Compression;
use flate2::write::{DeflateEncoder, ZlibEncoder};
use std::io::Write as _;

/// A package of these parts.
pub(super) fn zip(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in parts {
        let mut packed = DeflateEncoder::new(Vec::new(), Compression::default());
        packed.write_all(bytes).unwrap();
        let packed = packed.finish().unwrap();
        let start = u32::try_from(out.len()).unwrap();
        let size = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap().to_le_bytes();
        let mut common = vec![20, 0, 0, 0, 8, 0, 0, 0, 0, 0];
        common.extend(crc32fast::hash(bytes).to_le_bytes());
        common.extend(size(&packed));
        common.extend(size(bytes));
        common.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        common.extend([0, 0]);
        out.extend(b"PK\x03\x04");
        out.extend(&common);
        out.extend(name.as_bytes());
        out.extend(&packed);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(start.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let count = u16::try_from(parts.len()).unwrap().to_le_bytes();
    let (start, size) = (u32::try_from(out.len()).unwrap(), u32::try_from(directory.len()).unwrap());
    out.extend(directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count);
    out.extend(count);
    out.extend(size.to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0, 0]);
    out
}

/// A package of Office with these parts.
pub(super) fn office(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut all: Vec<(&str, &[u8])> = vec![("[Content_Types].xml", b"<Types/>")];
    all.extend(parts.iter().map(|(name, text)| (*name, text.as_bytes())));
    zip(&all)
}

/// A Word file whose body is this.
pub(super) fn docx(body: &str) -> Vec<u8> {
    office(&[("word/document.xml", &format!("<w:document xmlns:w='w'><w:body>{body}</w:body></w:document>"))])
}

/// A PDF of these objects, numbered from 1; the first is the catalogue. A stream is an object with its bytes.
pub(super) fn pdf(objects: &[(&str, Option<&[u8]>)]) -> Vec<u8> {
    let mut out = b"%PDF-1.7\n".to_vec();
    let mut places = Vec::new();
    for (number, (dict, stream)) in (1..).zip(objects) {
        places.push(out.len());
        out.extend(format!("{number} 0 obj\n").as_bytes());
        match stream {
            Some(bytes) => {
                out.extend(format!("<</Length {} {dict}>>\nstream\n", bytes.len()).as_bytes());
                out.extend(*bytes);
                out.extend(b"\nendstream");
            }
            None => out.extend(dict.as_bytes()),
        }
        out.extend(b"\nendobj\n");
    }
    let start = out.len();
    out.extend(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).as_bytes());
    for place in places {
        out.extend(format!("{place:010} 00000 n \n").as_bytes());
    }
    out.extend(format!("trailer\n<</Size {}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n", objects.len() + 1).as_bytes());
    out
}

/// A PDF of one page with this content, in Helvetica as `/F1`; `more` are objects from the sixth on.
pub(super) fn page_with(content: &[u8], more: &[(&str, Option<&[u8]>)], own: &str) -> Vec<u8> {
    let page = format!(
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R{own}/Resources<</Font<</F1 5 0 R/F2 6 0 R>>/XObject<</X1 6 0 R/X2 7 0 R>>>>>>"
    );
    let mut objects = vec![
        ("<</Type/Catalog/Pages 2 0 R>>", None),
        ("<</Type/Pages/Kids[3 0 R]/Count 1>>", None),
        (page.as_str(), None),
        ("", Some(content)),
        ("<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>", None),
    ];
    objects.extend_from_slice(more);
    pdf(&objects)
}

/// The same without more.
pub(super) fn page(content: &str) -> Vec<u8> {
    page_with(content.as_bytes(), &[], "")
}

pub(super) fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}
