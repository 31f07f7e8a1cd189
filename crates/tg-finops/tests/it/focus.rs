//! Exports in FOCUS form: sums, the rules of the specification that can be checked, and both forms alike.

use crate::rows::{correction, cost, ledgers, record, sheet, total};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use tg_finops::decimal::Decimal;
use tg_finops::focus::{Account, COLUMNS, Charge, ChargeKey, CsvWriter, Export, Kind, ParquetWriter, Shape};
use tg_kernel::clock::Timestamp;
use tg_kernel::record::Record;
use tg_kernel::usage::{Usage, UsageSource};
use tg_store::correction::Correction;

/// A row as text, by column; nothing where it has no value.
pub(crate) type Cells = BTreeMap<&'static str, String>;

fn exported(rows: &[(Record, Vec<Correction>)]) -> Vec<(ChargeKey, Charge)> {
    let mut export = Export::default();
    let mut all = Vec::new();
    for (record, corrections) in rows {
        all.extend(export.take(record, corrections));
    }
    all.extend(export.finish());
    all
}

pub(crate) fn csv(rows: &[(ChargeKey, Charge)]) -> Vec<Cells> {
    let mut writer = CsvWriter::new(Vec::new(), Account::default()).unwrap();
    writer.rows(rows).unwrap();
    let text = String::from_utf8(writer.finish().unwrap()).unwrap();
    let mut lines = text.split_terminator("\r\n").map(cells);
    let heading = lines.next().unwrap();
    assert_eq!(heading, COLUMNS.iter().map(|column| column.name).collect::<Vec<_>>());
    lines
        .map(|line| COLUMNS.iter().map(|column| column.name).zip(line).filter(|(_, cell)| !cell.is_empty()).collect())
        .collect()
}

/// A line taken apart as RFC 4180 says.
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut quoted) = (vec![String::new()], false);
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' if quoted && rest.peek() == Some(&'"') => cells.last_mut().unwrap().push(rest.next().unwrap()),
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            c => cells.last_mut().unwrap().push(c),
        }
    }
    cells
}

fn parquet(rows: &[(ChargeKey, Charge)]) -> Vec<Cells> {
    let mut writer = ParquetWriter::new(Vec::new(), Account::default()).unwrap();
    // In two pieces, as a large export comes.
    let (first, second) = rows.split_at(rows.len() / 2);
    writer.rows(first.to_vec()).unwrap();
    writer.rows(second.to_vec()).unwrap();
    let bytes = bytes::Bytes::from(writer.finish().unwrap());
    let reader = SerializedFileReader::new(bytes).unwrap();
    let text = |field: &Field| match field {
        Field::Null => String::new(),
        Field::TimestampMicros(micros) => Timestamp::from_micros(*micros).to_string(),
        Field::Decimal(_) => Decimal::parse(&field.to_string()).unwrap().to_string(),
        Field::Str(text) => text.clone(),
        other => other.to_string(),
    };
    let rows = reader.get_row_iter(None).unwrap().map(|row| {
        let row = row.unwrap();
        let cells = row.get_column_iter().zip(&COLUMNS).map(|((name, field), column)| {
            assert_eq!(name, column.name);
            (column.name, text(field))
        });
        cells.filter(|(_, cell)| !cell.is_empty()).collect()
    });
    rows.collect()
}

pub(crate) fn sum(rows: &[Cells], column: &str) -> i128 {
    rows.iter().filter_map(|row| Some(Decimal::parse(row.get(column)?).unwrap().picos())).sum()
}

/// The rules of FOCUS 1.2 and 1.3 on nulls, allowed values and forms, for the columns that are written.
pub(crate) fn check(row: &Cells) {
    let is = |name: &str, value: &str| row.get(name).map(String::as_str) == Some(value);
    for column in &COLUMNS {
        assert!(column.nullable || row.contains_key(column.name), "{} has no value", column.name);
        let Some(cell) = row.get(column.name) else { continue };
        match column.shape {
            Shape::Decimal => assert!(Decimal::parse(cell).is_some() && !cell.contains(['e', 'E', ',']), "{cell}"),
            Shape::Time => {
                assert!(cell.len() == 20 && cell.ends_with('Z') && Timestamp::parse(cell).is_some(), "{cell}")
            }
            Shape::Json => assert!(serde_json::from_str::<serde_json::Map<_, _>>(cell).is_ok(), "{cell}"),
            Shape::Count => assert!(cell.parse::<i64>().is_ok(), "{cell}"),
            Shape::Text => assert_eq!(cell.trim(), cell),
        }
    }
    let bought = is("ChargeCategory", "Purchase");
    assert!(bought || is("ChargeCategory", "Usage"));
    assert!(is("ChargeFrequency", if bought { "Recurring" } else { "Usage-Based" }) && is("BillingCurrency", "USD"));
    let of_commitment = row.contains_key("CommitmentDiscountId");
    let unused = is("CommitmentDiscountStatus", "Unused");
    for name in ["Category", "Name", "Type", "Unit"] {
        assert_eq!(row.contains_key(&*format!("CommitmentDiscount{name}")), of_commitment, "{name}");
    }
    assert_eq!(row.contains_key("CommitmentDiscountStatus"), of_commitment && !bought);
    assert_eq!(is("PricingCategory", "Committed"), of_commitment && !bought);
    assert!(is("ServiceCategory", "AI and Machine Learning") && is("ServiceSubcategory", "Generative AI"));
    let correction = row.get("ChargeClass");
    assert!(correction.is_none_or(|class| class == "Correction"));
    for name in ["PricingQuantity", "PricingUnit", "PricingCategory"] {
        assert_eq!(row.contains_key(name), correction.is_none(), "{name}");
    }
    for name in ["ConsumedQuantity", "ConsumedUnit"] {
        assert_eq!(row.contains_key(name), correction.is_none() && !bought && !unused, "{name}");
    }
    let unit = row.get("ConsumedUnit").map(String::as_str);
    assert!(matches!(unit, None | Some("Tokens" | "Images")), "{unit:?}");
    // A quantity has a unit, a sub-account a type, a price an id.
    for (one, other) in [("SubAccountId", "SubAccountType"), ("BillingAccountId", "BillingAccountType")] {
        assert_eq!(row.contains_key(one), row.contains_key(other), "{one} {other}");
    }
    assert!(!row.contains_key("ListUnitPrice") || row.contains_key("SkuPriceId"));
    let time = |name: &str| Timestamp::parse(&row[name]).unwrap().seconds();
    assert_eq!(time("ChargePeriodEnd") - time("ChargePeriodStart"), 3600);
    assert!(
        time("BillingPeriodStart") <= time("ChargePeriodStart") && time("ChargePeriodEnd") <= time("BillingPeriodEnd")
    );
    assert!(row["BillingPeriodStart"].ends_with("-01T00:00:00Z") && row["BillingPeriodEnd"].ends_with("-01T00:00:00Z"));
}

#[test]
fn chargeback_exports_are_not_thin_here() {
    let usage = Usage {
        input_tokens: 1200,
        cache_read_tokens: 9000,
        cache_write_1h_tokens: 300,
        output_tokens: 450,
        reasoning_tokens: 50,
        ..Usage::default()
    };
    let mut call = record();
    (call.usage, call.cost) = (usage, cost(&sheet(3_000_000), &usage));
    let corrections = vec![correction(&call, 1, -77_000)];
    let rows = csv(&exported(&[(call, corrections)]));
    rows.iter().for_each(check);
    let meters: Vec<&str> = rows.iter().map(|row| row["SkuMeter"].as_str()).collect();
    let expected = [
        "Input Tokens",
        "Cache Read Tokens",
        "Cache Write Tokens, 1 Hour",
        "Output Tokens",
        "Reasoning Tokens",
        "Correction",
    ];
    assert_eq!(meters.iter().collect::<BTreeSet<_>>(), expected.iter().collect());
    let input = rows.iter().find(|row| row["SkuMeter"] == "Input Tokens").unwrap();
    for (column, value) in [
        ("BilledCost", "0.00324"),
        ("ListCost", "0.0036"),
        ("ConsumedQuantity", "1200"),
        ("ConsumedUnit", "Tokens"),
        ("PricingQuantity", "0.0012"),
        ("PricingUnit", "1000000 Tokens"),
        ("ListUnitPrice", "3"),
        ("ContractedUnitPrice", "2.7"),
        ("ChargePeriodStart", "2026-11-24T03:00:00Z"),
        ("BillingPeriodEnd", "2026-12-01T00:00:00Z"),
        ("SubAccountId", "red"),
        ("ProviderName", "AWS"),
        ("ServiceProviderName", "AWS"),
        ("HostProviderName", "AWS"),
        ("PublisherName", "Anthropic"),
        ("ServiceName", "Amazon Bedrock"),
        ("SkuId", "us.anthropic.claude-sonnet-4-6"),
        ("Tags", r#"{"batchable":true,"feature":"search","team":"red","project":"alpha","environment":"prod"}"#),
        ("x_PriceBookVersion", "2026-11-23"),
        ("x_RequestCount", "1"),
    ] {
        assert_eq!(input[column], value, "{column}");
    }
    let details = r#"{"x_TokenType":"input","x_ServiceTier":"default","x_PriceBookVersion":"2026-11-23","x_ContextTier":">200000","x_Discount":"enterprise"}"#;
    assert_eq!(input["SkuPriceDetails"], details);
    let read = rows.iter().find(|row| row["SkuMeter"] == "Cache Read Tokens").unwrap();
    assert_eq!(read["x_CacheSavings"], "-0.000009", "these prices make cached tokens dearer");
}

#[test]
fn calls_of_one_hour_and_price_are_one_row() {
    let usage = Usage { input_tokens: 1, ..Usage::default() };
    let mut call = record();
    (call.usage, call.cost) = (usage, cost(&sheet(3_000_000), &usage));
    let mut later = call.clone();
    later.started_at = Timestamp::parse("2026-11-24T04:00:00Z").unwrap();
    let rows = exported(&[(later, vec![]), (call.clone(), vec![]), (call, vec![])]);
    assert_eq!(rows.iter().map(|(_, charge)| charge.calls).collect::<Vec<_>>(), [2, 1]);
}

#[test]
fn a_price_of_a_file_of_ones_own_names_its_seller_and_version() {
    let usage = Usage { input_tokens: 1, output_tokens: 1, ..Usage::default() };
    let mut call = record();
    (call.usage, call.cost) = (usage, cost(&sheet(3_000_000), &usage));
    for (price, version) in [
        ("prices.yaml-0123456789ab/bedrock/x>200000%deal", "prices.yaml-0123456789ab"),
        // As it was booked before files were named without their folders.
        ("/etc/tallygate/100%>/prices.yaml/bedrock/x>200000%deal", "/etc/tallygate/100%>/prices.yaml"),
    ] {
        call.cost.price = price.into();
        for row in csv(&exported(&[(call.clone(), vec![])])) {
            check(&row);
            assert_eq!((&*row["ProviderName"], &*row["x_PriceBookVersion"]), ("AWS", version));
            let details: serde_json::Value = serde_json::from_str(&row["SkuPriceDetails"]).unwrap();
            let told =
                ["x_PriceBookVersion", "x_ContextTier", "x_Discount"].map(|name| details[name].as_str().unwrap());
            assert_eq!(told, [version, ">200000", "deal"]);
        }
    }
}

#[test]
fn corrections_count_as_they_do_in_a_report() {
    let usage = Usage { input_tokens: 1, output_tokens: 1, images: 1, ..Usage::default() };
    let mut call = record();
    // Images have no price in it.
    (call.usage, call.cost) = (usage, cost(&sheet(3_000_000), &usage));
    call.usage_source = UsageSource::Estimated;
    let known = Correction { unpriced_delta: -1, ..correction(&call, 1, 7_000) };
    let sums = |rows: &[(Record, Vec<Correction>)]| {
        let rows = csv(&exported(rows));
        let unpriced = rows.iter().map(|row| row["x_UnpricedRequestCount"].parse::<i64>().unwrap()).sum::<i64>();
        (unpriced, sum(&rows, "x_EstimatedCost"))
    };
    assert_eq!(sums(&[(call.clone(), vec![])]), (1, 0));
    assert_eq!(sums(&[(call.clone(), vec![known.clone()])]), (0, 7_000_000));
    call.usage_source = UsageSource::Reported;
    let known = Correction { earlier_delta: tg_kernel::units::Money::from_nanos(2_000), ..known };
    assert_eq!(sums(&[(call, vec![known])]), (0, 2_000_000));
}

#[test]
fn what_was_refused_is_on_no_bill() {
    let mut refused = record();
    refused.served = None;
    assert!(exported(&[(refused, vec![]), (record(), vec![])]).is_empty());
}

#[test]
fn hours_that_are_over_do_not_wait_in_memory() {
    let usage = Usage { input_tokens: 1, ..Usage::default() };
    let mut call = record();
    (call.usage, call.cost) = (usage, cost(&sheet(3_000_000), &usage));
    let mut export = Export::default();
    let mut written = 0;
    for hour in (0..100).rev() {
        call.started_at = Timestamp::from_seconds(1_795_000_000 + hour * 3600);
        written += export.take(&call, &[]).len();
    }
    assert_eq!((written, export.finish().len()), (97, 3));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn all_rows_add_up_to_the_ledger_to_the_nano_dollar(rows in ledgers()) {
        let found = exported(&rows);
        let in_csv = csv(&found);
        in_csv.iter().for_each(check);
        let expected = total(&rows) * 1000;
        for column in ["BilledCost", "EffectiveCost", "ContractedCost", "PricingCurrencyEffectiveCost"] {
            prop_assert_eq!(sum(&in_csv, column), expected);
        }
        let list: i128 = rows.iter().map(|(record, corrections)| {
            let deltas: i128 = corrections.iter().map(|correction| i128::from(correction.list_delta.nanos())).sum();
            i128::from(record.total_cost().list.nanos()) + deltas
        }).sum();
        prop_assert_eq!(sum(&in_csv, "ListCost"), list * 1000);
        let tokens: u64 = rows.iter().flat_map(|(record, _)| {
            let earlier = record.earlier.iter().map(|earlier| earlier.usage);
            earlier.chain([record.usage]).map(|usage| usage.total_tokens())
        }).sum();
        let counted: u64 = found.iter()
            .filter(|(key, _)| key.kind.unit() != Some(tg_kernel::rates::UnitKind::Image) && key.kind != Kind::Correction)
            .map(|(_, charge)| charge.units)
            .sum();
        prop_assert_eq!(counted, tokens);
        prop_assert_eq!(parquet(&found), in_csv);
    }
}
