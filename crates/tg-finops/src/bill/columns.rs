//! Which columns of an export are read, and how a line is made of them.

use super::BillLine;
use crate::decimal::Decimal;
use crate::input::{BadInput, shown};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use tg_kernel::clock::Timestamp;

/// A column that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Column {
    Start,
    End,
    Period,
    ItemType,
    ProductCode,
    UsageType,
    Amount,
    Unit,
    Cost,
    Currency,
    Description,
    Resource,
    Principal,
    Tags,
    ResourceTags,
    Product,
    ProductName,
}

/// Each column, its name in CUR 2.0, and whether nothing can be compared without it.
pub(super) const COLUMNS: [(Column, &str, bool); 17] = [
    (Column::Start, "line_item_usage_start_date", true),
    (Column::End, "line_item_usage_end_date", false),
    (Column::Period, "bill_billing_period_start_date", false),
    (Column::ItemType, "line_item_line_item_type", true),
    (Column::ProductCode, "line_item_product_code", true),
    (Column::UsageType, "line_item_usage_type", true),
    (Column::Amount, "line_item_usage_amount", true),
    (Column::Unit, "pricing_unit", true),
    (Column::Cost, "line_item_unblended_cost", true),
    (Column::Currency, "line_item_currency_code", true),
    (Column::Description, "line_item_line_item_description", false),
    (Column::Resource, "line_item_resource_id", false),
    (Column::Principal, "line_item_iam_principal", false),
    (Column::Tags, "tags", false),
    (Column::ResourceTags, "resource_tags", false),
    (Column::Product, "product", false),
    (Column::ProductName, "product_product_name", false),
];

/// A name as CUR 2.0 writes it: the older report says `lineItem/UsageType` for `line_item_usage_type`.
pub(super) fn modern(name: &str) -> String {
    if !name.contains('/') {
        return name.trim().to_ascii_lowercase();
    }
    let mut modern = String::new();
    for c in name.trim().chars() {
        match c {
            '/' => modern.push('_'),
            c if c.is_ascii_uppercase() => {
                if !modern.is_empty() && !modern.ends_with('_') {
                    modern.push('_');
                }
                modern.push(c.to_ascii_lowercase());
            }
            c => modern.push(c),
        }
    }
    modern
}

/// Checks that nothing is missing, and names everything that is.
pub(super) fn check<'a>(path: &Path, names: impl Iterator<Item = &'a str> + Clone) -> Result<(), BadInput> {
    let missing: Vec<&str> = COLUMNS
        .iter()
        .filter(|(_, wanted, needed)| *needed && !names.clone().any(|name| name == *wanted))
        .map(|(_, wanted, _)| *wanted)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let problem = format!(
        "columns are missing: {}; add them to the export's query in Data Exports (CUR 2.0)",
        missing.join(", ")
    );
    Err(BadInput::of(path, problem))
}

/// The values of one line, as text.
#[derive(Default)]
pub(super) struct Values {
    pub(super) texts: BTreeMap<Column, String>,
    pub(super) maps: BTreeMap<Column, Vec<(String, String)>>,
}

impl Values {
    fn text(&self, column: Column) -> &str {
        self.texts.get(&column).map_or("", String::as_str)
    }

    fn take(&mut self, column: Column) -> String {
        self.texts.remove(&column).unwrap_or_default()
    }

    pub(super) fn period(&self) -> &str {
        self.text(Column::Period)
    }

    /// A column that holds a map; as text it is a JSON object.
    fn map(&mut self, column: Column) -> Result<Vec<(String, String)>, String> {
        if let Some(map) = self.maps.remove(&column) {
            return Ok(map);
        }
        match self.text(column) {
            "" => Ok(Vec::new()),
            text => serde_json::from_str::<BTreeMap<String, Option<String>>>(text)
                .map(|map| map.into_iter().filter_map(|(key, value)| Some((key, value?))).collect())
                .map_err(|_| format!("{} is not a JSON object of texts", name_of(column))),
        }
    }

    /// The line, or `None` where it is not about Amazon Bedrock.
    pub(super) fn line(mut self) -> Result<Option<BillLine>, String> {
        let product = self.map(Column::Product)?;
        let named = |(key, _): &&(String, String)| key == "product_name";
        let product_name = match product.iter().find(named) {
            Some((_, name)) => name.clone(),
            None => self.take(Column::ProductName),
        };
        if !is_bedrock(self.text(Column::ProductCode), &product_name, self.text(Column::Description)) {
            return Ok(None);
        }
        self.check_currency()?;
        let start = self.time(Column::Start)?;
        self.check_span(start)?;
        let mut tags = self.map(Column::Tags)?;
        tags.extend(self.map(Column::ResourceTags)?);
        Ok(Some(BillLine {
            start,
            amount: self.number(Column::Amount)?,
            cost: self.number(Column::Cost)?,
            item_type: self.take(Column::ItemType),
            usage_type: self.take(Column::UsageType),
            product_name,
            unit: self.take(Column::Unit),
            principal: self.take(Column::Principal),
            resource: self.take(Column::Resource),
            tags,
        }))
    }

    fn check_currency(&self) -> Result<(), String> {
        match self.text(Column::Currency) {
            "USD" => Ok(()),
            other => Err(format!(
                "the bill is in {}, the ledger in USD, and no rate of exchange is guessed; compare an export in USD",
                shown(other)
            )),
        }
    }

    /// A line that spans more than a day cannot be put to one.
    fn check_span(&self, start: Timestamp) -> Result<(), String> {
        if self.text(Column::End).is_empty() {
            return Ok(());
        }
        // A day of local time may have 25 hours.
        if self.time(Column::End)?.since(start) > Duration::from_secs(25 * 3600) {
            return Err("it spans more than a day; choose hourly or daily granularity in Data Exports".to_owned());
        }
        Ok(())
    }

    fn time(&self, column: Column) -> Result<Timestamp, String> {
        let text = self.text(column);
        let with_t = text.replacen(' ', "T", 1);
        let zoned = if with_t.ends_with('Z') { with_t } else { format!("{with_t}Z") };
        Timestamp::parse(&zoned).ok_or_else(|| format!("{} is {}, which is no time", name_of(column), shown(text)))
    }

    fn number(&self, column: Column) -> Result<Decimal, String> {
        let text = self.text(column);
        Decimal::parse(text).ok_or_else(|| format!("{} is {}, which is no number", name_of(column), shown(text)))
    }
}

fn name_of(column: Column) -> &'static str {
    COLUMNS.iter().find(|(known, ..)| *known == column).map_or("", |(_, name, _)| name)
}

/// Models of some vendors are sold by the Marketplace under codes that say nothing.
fn is_bedrock(code: &str, product_name: &str, description: &str) -> bool {
    code.starts_with("AmazonBedrock") || product_name.contains("Bedrock") || description.contains("Bedrock")
}

#[cfg(test)]
mod tests {
    use super::modern;

    #[test]
    fn names_of_the_older_report_are_known() {
        for (name, expected) in [
            ("lineItem/UsageStartDate", "line_item_usage_start_date"),
            ("lineItem/LineItemType", "line_item_line_item_type"),
            ("pricing/unit", "pricing_unit"),
            ("bill/BillingPeriodStartDate", "bill_billing_period_start_date"),
            ("line_item_usage_type", "line_item_usage_type"),
        ] {
            assert_eq!(modern(name), expected);
        }
    }
}
