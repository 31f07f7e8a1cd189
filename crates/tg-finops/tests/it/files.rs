//! Exports as AWS delivers them, made by the tests: CSV, gzip, Parquet.

use flate2::Compression;
use flate2::write::GzEncoder;
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use tg_kernel::clock::Timestamp;

/// One line of a bill, as text.
#[derive(Clone)]
pub(crate) struct Line {
    pub(crate) start: &'static str,
    pub(crate) end: &'static str,
    pub(crate) period: &'static str,
    pub(crate) item_type: &'static str,
    pub(crate) code: &'static str,
    pub(crate) usage_type: &'static str,
    pub(crate) amount: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) cost: &'static str,
    pub(crate) currency: &'static str,
    pub(crate) resource: &'static str,
    pub(crate) principal: &'static str,
    pub(crate) tags: &'static str,
    pub(crate) product: &'static str,
}

pub(crate) fn line() -> Line {
    Line {
        start: "2026-11-24T03:00:00.000Z",
        end: "2026-11-24T04:00:00.000Z",
        period: "2026-11-01T00:00:00.000Z",
        item_type: "Usage",
        code: "AmazonBedrock",
        usage_type: "USE1-Claude4.6Sonnet-input-tokens",
        amount: "1.5",
        unit: "1K tokens",
        cost: "0.0045000000",
        currency: "USD",
        resource: "",
        principal: "arn:aws:sts::123456789012:assumed-role/gateway/tg-red",
        tags: "{\"iamPrincipal/team\":\"red\"}",
        product: "{\"product_name\":\"Amazon Bedrock\",\"region\":\"us-east-1\"}",
    }
}

pub(crate) const COLUMNS: [&str; 14] = [
    "line_item_usage_start_date",
    "line_item_usage_end_date",
    "bill_billing_period_start_date",
    "line_item_line_item_type",
    "line_item_product_code",
    "line_item_usage_type",
    "line_item_usage_amount",
    "pricing_unit",
    "line_item_unblended_cost",
    "line_item_currency_code",
    "line_item_resource_id",
    "line_item_iam_principal",
    "tags",
    "product",
];

impl Line {
    pub(crate) fn values(&self) -> [&'static str; 14] {
        [
            self.start,
            self.end,
            self.period,
            self.item_type,
            self.code,
            self.usage_type,
            self.amount,
            self.unit,
            self.cost,
            self.currency,
            self.resource,
            self.principal,
            self.tags,
            self.product,
        ]
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// The export as CSV, without the columns that are left out.
pub(crate) fn csv(lines: &[Line], without: &[&str]) -> String {
    let kept: Vec<usize> = (0..COLUMNS.len()).filter(|at| !without.contains(&COLUMNS[*at])).collect();
    let mut text = kept.iter().map(|at| quoted(COLUMNS[*at])).collect::<Vec<_>>().join(",") + "\n";
    for line in lines {
        let values = line.values();
        text += &kept.iter().map(|at| quoted(values[*at])).collect::<Vec<_>>().join(",");
        text += "\n";
    }
    text
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

/// The export as Parquet with the types that AWS uses: timestamps, doubles, a map of tags.
pub(crate) fn parquet(path: &Path, lines: &[Line]) {
    let schema = "message export {
        required int64 line_item_usage_start_date (TIMESTAMP_MILLIS);
        optional int64 line_item_usage_end_date (TIMESTAMP_MILLIS);
        optional int64 bill_billing_period_start_date (TIMESTAMP_MILLIS);
        optional binary line_item_line_item_type (UTF8);
        optional binary line_item_product_code (UTF8);
        optional binary line_item_usage_type (UTF8);
        optional double line_item_usage_amount;
        optional binary pricing_unit (UTF8);
        optional double line_item_unblended_cost;
        optional binary line_item_currency_code (UTF8);
        optional binary line_item_resource_id (UTF8);
        optional binary line_item_iam_principal (UTF8);
        optional group tags (MAP) {
            repeated group key_value { required binary key (UTF8); optional binary value (UTF8); }
        }
        optional binary unread_column (UTF8);
    }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let properties = WriterProperties::builder().set_compression(parquet::basic::Compression::SNAPPY).build();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties)).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let present = vec![1_i16; lines.len()];
    for at in 0..12 {
        let values: Vec<&str> = lines.iter().map(|line| line.values()[at]).collect();
        let mut column = group.next_column().unwrap().unwrap();
        match at {
            0..=2 => {
                let millis: Vec<i64> = values.iter().map(|v| Timestamp::parse(v).unwrap().micros() / 1000).collect();
                column.typed::<Int64Type>().write_batch(&millis, (at > 0).then_some(&present), None).unwrap();
            }
            6 | 8 => {
                let doubles: Vec<f64> = values.iter().map(|v| v.parse().unwrap()).collect();
                column.typed::<DoubleType>().write_batch(&doubles, Some(&present), None).unwrap();
            }
            _ => {
                let texts: Vec<ByteArray> = values.iter().map(|v| ByteArray::from(*v)).collect();
                column.typed::<ByteArrayType>().write_batch(&texts, Some(&present), None).unwrap();
            }
        }
        column.close().unwrap();
    }
    // One tag each: the team.
    for (text, level) in [("iamPrincipal/team", 2_i16), ("red", 3)] {
        let mut column = group.next_column().unwrap().unwrap();
        let texts = vec![ByteArray::from(text); lines.len()];
        let (defined, repeated) = (vec![level; lines.len()], vec![0_i16; lines.len()]);
        column.typed::<ByteArrayType>().write_batch(&texts, Some(&defined), Some(&repeated)).unwrap();
        column.close().unwrap();
    }
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<ByteArrayType>().write_batch(&[], Some(&vec![0; lines.len()]), None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
}
