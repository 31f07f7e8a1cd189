//! Reading exports, and what is said of those that cannot be used.

use crate::files::{COLUMNS, Line, csv, gzip, line, parquet};
use std::fs;
use std::path::Path;
use tempfile::TempDir;
use tg_finops::bill::{self, BillLine, Seen};

fn read(path: &Path) -> (Seen, Vec<BillLine>) {
    let mut lines = Vec::new();
    let seen = bill::read(path, &mut |line| lines.push(line)).unwrap();
    (seen, lines)
}

fn refusal(path: &Path) -> String {
    bill::read(path, &mut |_| {}).unwrap_err().to_string()
}

fn written(folder: &TempDir, name: &str, bytes: impl AsRef<[u8]>) -> std::path::PathBuf {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

fn lines() -> Vec<Line> {
    vec![
        line(),
        Line { code: "AmazonEC2", product: "{}", usage_type: "BoxUsage:t3.micro", unit: "Hrs", ..line() },
        Line { usage_type: "USE1-Claude4.6Sonnet-output-tokens", amount: "0.321", cost: "0.0048150000", ..line() },
    ]
}

#[test]
fn csv_gzip_and_parquet_say_the_same() {
    let folder = TempDir::new().unwrap();
    let plain = written(&folder, "a/export.csv", csv(&lines(), &[]));
    let packed = written(&folder, "b/export-00001.csv.gz", gzip(csv(&lines(), &[]).as_bytes()));
    let columns = folder.path().join("export.parquet");
    parquet(&columns, &lines());
    let (seen, expected) = read(&plain);
    assert_eq!(seen, Seen { files: 1, bedrock_lines: 2, other_lines: 1 });
    assert_eq!(expected[0].cost.to_string(), "0.0045");
    assert_eq!(expected[1].amount.to_string(), "0.321");
    assert_eq!(expected[0].tags, [("iamPrincipal/team".to_owned(), "red".to_owned())]);
    assert_eq!(read(&packed), (seen, expected.clone()));
    let (in_parquet, mut found) = read(&columns);
    assert_eq!(in_parquet, seen);
    for line in &mut found {
        line.product_name = "Amazon Bedrock".into();
    }
    assert_eq!(found, expected);
}

#[test]
fn the_older_report_is_read_by_its_own_names() {
    let folder = TempDir::new().unwrap();
    let heading = "lineItem/UsageStartDate,lineItem/LineItemType,lineItem/ProductCode,lineItem/UsageType,\
                   lineItem/UsageAmount,pricing/unit,lineItem/UnblendedCost,lineItem/CurrencyCode\n";
    let row = "2026-11-24T03:00:00Z,Usage,AmazonBedrock,USE1-NovaLite-input-tokens,2,1K tokens,1E-4,USD\n";
    let (_, lines) = read(&written(&folder, "old.csv", format!("{heading}{row}")));
    assert_eq!(lines[0].cost.to_string(), "0.0001");
}

#[test]
fn every_missing_column_is_named_at_once() {
    let folder = TempDir::new().unwrap();
    let path = written(&folder, "export.csv", csv(&lines(), &["pricing_unit", "line_item_usage_type"]));
    let said = refusal(&path);
    assert!(said.contains("columns are missing: line_item_usage_type, pricing_unit; add them"), "{said}");
    assert!(!said.contains("line_item_product_code"), "{said}");
    // What only refines the comparison may be missing.
    let optional = ["line_item_resource_id", "line_item_iam_principal", "tags", "product", "line_item_usage_end_date"];
    let (seen, _) = read(&written(&folder, "less.csv", csv(&lines(), &optional)));
    assert_eq!(seen.bedrock_lines, 2);
    assert_eq!(COLUMNS.len(), 14);
}

#[test]
fn lines_that_cannot_be_used_are_named_with_what_is_wrong() {
    let folder = TempDir::new().unwrap();
    for (wrong, part) in [
        (Line { currency: "EUR", ..line() }, "record 3: the bill is in 'EUR', the ledger in USD"),
        (Line { cost: "4,50", ..line() }, "record 3: line_item_unblended_cost is '4,50', which is no number"),
        (Line { amount: "", ..line() }, "record 3: line_item_usage_amount is '', which is no number"),
        (Line { start: "yesterday", ..line() }, "line_item_usage_start_date is 'yesterday', which is no time"),
        (Line { end: "2026-12-01T00:00:00Z", ..line() }, "spans more than a day; choose hourly or daily granularity"),
        (Line { tags: "team=red", ..line() }, "record 3: tags is not a JSON object of texts"),
    ] {
        let said = refusal(&written(&folder, "export.csv", csv(&[line(), wrong], &[])));
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn files_that_are_cut_off_or_something_else_are_told_apart() {
    let folder = TempDir::new().unwrap();
    let text = csv(&vec![line(); 2000], &[]);
    let packed = gzip(text.as_bytes());
    let columns = folder.path().join("whole.parquet");
    parquet(&columns, &lines());
    let whole = fs::read(&columns).unwrap();
    let mut garbled = packed.clone();
    // The checksum at the end.
    let end = garbled.len();
    garbled[end - 8..end - 4].fill(0xaa);
    for (name, bytes, part) in [
        ("half.csv.gz", packed[..packed.len() / 2].to_vec(), "in the middle of its compressed data"),
        ("garbled.csv.gz", garbled, "its compressed data is broken"),
        ("plain.csv.gz", text.as_bytes().to_vec(), "called .gz and is not compressed by gzip"),
        ("half.parquet", whole[..whole.len() / 2].to_vec(), "cannot be read as Parquet"),
        ("text.parquet", text.as_bytes().to_vec(), "does not begin as Parquet does"),
        ("half.csv", text.as_bytes()[..text.len() - 150].to_vec(), "is the file cut off?"),
        ("archive.csv", b"PK\x03\x04rest".to_vec(), "ZIP archive; unpack it"),
        ("empty.csv", Vec::new(), "it is empty"),
        ("heading.csv", csv(&[], &[]).into_bytes(), "the export has no lines"),
        ("latin.csv", [csv(&[], &[]).as_bytes(), &[b'\xff'; 14]].concat(), "fields, where the heading has 14"),
    ] {
        let said = refusal(&written(&folder, name, bytes));
        assert!(said.contains(part), "{name}: {said}");
    }
    assert!(refusal(&folder.path().join("none")).contains("cannot be read"));
    let nothing = TempDir::new().unwrap();
    assert!(refusal(nothing.path()).contains("there is no .csv, .csv.gz, .gz or .parquet file"));
}

#[test]
fn a_month_that_was_delivered_twice_is_not_counted_twice() {
    let folder = TempDir::new().unwrap();
    written(&folder, "data/BILLING_PERIOD=2026-11/run-1/export-00001.csv", csv(&lines(), &[]));
    written(&folder, "data/BILLING_PERIOD=2026-11/run-1/export-00002.csv", csv(&lines(), &[]));
    let october = Line { period: "2026-10-01T00:00:00.000Z", start: "2026-10-24T03:00:00Z", end: "", ..line() };
    written(&folder, "data/BILLING_PERIOD=2026-10/run-1/export-00001.csv", csv(&[october], &[]));
    assert_eq!(read(folder.path()).0.bedrock_lines, 5);
    written(&folder, "data/BILLING_PERIOD=2026-11/run-2/export-00001.csv", csv(&lines(), &[]));
    let said = refusal(folder.path());
    assert!(said.contains("the billing period 2026-11-01T00:00:00.000Z is here and in"), "{said}");
    assert!(said.contains("would count twice"), "{said}");
}

#[test]
fn a_record_has_a_longest_length() {
    let folder = TempDir::new().unwrap();
    let path = written(&folder, "long.csv", [csv(&[], &[]).as_bytes(), b"\"", &vec![b'x'; 3 << 20]].concat());
    assert!(refusal(&path).contains("longer than 1048576 bytes"), "{}", refusal(&path));
}

#[test]
fn broken_bytes_never_break_the_program() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("export.parquet");
    parquet(&path, &lines());
    let whole = fs::read(&path).unwrap();
    let mut state = 7_u64;
    for _ in 0..2000 {
        // A plain generator, so that every run breaks the same bytes.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut bytes = whole.clone();
        let at = usize::try_from(state >> 33).unwrap() % bytes.len();
        bytes[at] = u8::try_from(state >> 24 & 0xff).unwrap();
        fs::write(&path, bytes).unwrap();
        drop(bill::read(&path, &mut |_| {}));
    }
}
