//! The columns of an export: names, shapes, and how each is made of a row.

use super::charge::{Charge, ChargeKey, Kind};
use super::seller::{self, Seller};
use super::{Account, start_of};
use crate::decimal::Decimal;
use jiff::ToSpan as _;
use serde_json::{Map, Value as Json};
use std::borrow::Cow;
use tg_kernel::clock::Timestamp;
use tg_kernel::rates::UnitKind;

/// How many units one price is for, where units are tokens.
const PRICED_TOKENS: u64 = 1_000_000;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// UTF-8.
    Text,
    /// A JSON object.
    Json,
    /// A decimal with up to twelve places.
    Decimal,
    /// A point in time, UTC.
    Time,
    /// A whole number.
    Count,
}

/// A value of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// None.
    Null,
    /// Text or JSON.
    Text(Cow<'a, str>),
    /// A decimal.
    Decimal(Decimal),
    /// A time.
    Time(Timestamp),
    /// A whole number; less than none where a correction takes back.
    Count(i64),
}

impl<'a> From<Option<Cow<'a, str>>> for Value<'a> {
    fn from(text: Option<Cow<'a, str>>) -> Self {
        text.map_or(Value::Null, Value::Text)
    }
}

/// A row from which columns are made.
pub struct Row<'a> {
    key: &'a ChargeKey,
    charge: &'a Charge,
    account: &'a Account,
    seller: Seller<'a>,
}

impl<'a> Row<'a> {
    pub(super) fn of(key: &'a ChargeKey, charge: &'a Charge, account: &'a Account) -> Self {
        Self { key, charge, account, seller: seller::of(&key.price, &key.provider) }
    }

    fn is_bought(&self) -> bool {
        matches!(self.key.kind, Kind::Commitment(_))
    }

    /// Of a commitment itself, not of calls.
    fn is_of_commitment(&self) -> bool {
        self.is_bought() || self.key.kind == Kind::Unused
    }

    fn is_correction(&self) -> bool {
        self.key.kind == Kind::Correction
    }

    fn is_image(&self) -> bool {
        self.key.kind.unit() == Some(UnitKind::Image)
    }
}

/// A column.
pub struct Column {
    /// Its name in FOCUS; `x_…` is none of FOCUS's.
    pub name: &'static str,
    /// What it holds.
    pub shape: Shape,
    /// Whether it may be without a value.
    pub nullable: bool,
    pub(super) value: for<'a> fn(&Row<'a>) -> Value<'a>,
}

impl std::fmt::Debug for Column {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?}", self.name, self.shape)
    }
}

const fn must(name: &'static str, shape: Shape, value: for<'a> fn(&Row<'a>) -> Value<'a>) -> Column {
    Column { name, shape, nullable: false, value }
}

const fn may(name: &'static str, shape: Shape, value: for<'a> fn(&Row<'a>) -> Value<'a>) -> Column {
    Column { name, shape, nullable: true, value }
}

fn fixed<'a>(text: &'static str) -> Value<'a> {
    Value::Text(Cow::Borrowed(text))
}

fn text(text: &str) -> Value<'_> {
    Value::Text(Cow::Borrowed(text))
}

fn optional(text: Option<&str>) -> Value<'_> {
    text.filter(|text| !text.is_empty()).map(Cow::Borrowed).into()
}

fn account<'a>(row: &Row<'a>) -> Value<'a> {
    text(row.account.billing_account.as_deref().unwrap_or(&row.key.provider))
}

fn cost<'a>(row: &Row<'a>) -> Value<'a> {
    Value::Decimal(row.charge.cost)
}

fn effective<'a>(row: &Row<'a>) -> Value<'a> {
    Value::Decimal(row.charge.effective)
}

/// What was agreed, commitments left aside: so calls under one are at list price.
fn contracted<'a>(row: &Row<'a>) -> Value<'a> {
    let is_list = row.key.commitment().is_some() && !row.is_correction();
    Value::Decimal(if is_list { row.charge.list } else { row.charge.cost })
}

fn usd<'a>(_: &Row<'a>) -> Value<'a> {
    fixed("USD")
}

/// The price of one priced unit.
fn price<'a>(row: &Row<'a>, of: fn((u64, u64)) -> u64) -> Value<'a> {
    let factor = if row.is_image() || row.is_of_commitment() { 1 } else { PRICED_TOKENS };
    row.key.unit.map_or(Value::Null, |unit| Value::Decimal(Decimal::from_picos(i128::from(of(unit))).times(factor)))
}

fn list_price<'a>(row: &Row<'a>) -> Value<'a> {
    price(row, |(list, _)| list)
}

fn contracted_price<'a>(row: &Row<'a>) -> Value<'a> {
    if row.key.commitment().is_some() {
        return list_price(row);
    }
    price(row, |(_, contracted)| contracted)
}

fn quantity<'a>(row: &Row<'a>) -> Value<'a> {
    if row.is_correction() || row.is_of_commitment() {
        return Value::Null;
    }
    Value::Decimal(Decimal::whole(row.charge.units))
}

fn priced_quantity<'a>(row: &Row<'a>) -> Value<'a> {
    match row {
        row if row.is_correction() => Value::Null,
        row if row.is_image() => quantity(row),
        // Nothing of it is priced: that is in the row of the purchase.
        row if row.is_of_commitment() => Value::Decimal(match row.key.kind {
            Kind::Commitment(bought) => Decimal::whole(bought.into()),
            _ => Decimal::ZERO,
        }),
        row => {
            Value::Decimal(Decimal::from_picos(Decimal::whole(row.charge.units).picos() / i128::from(PRICED_TOKENS)))
        }
    }
}

fn unit<'a>(row: &Row<'a>, of_tokens: &'static str) -> Value<'a> {
    match row {
        row if row.is_correction() => Value::Null,
        row if row.is_image() => fixed("Images"),
        _ => fixed(of_tokens),
    }
}

/// What is counted, in words.
const fn meter(kind: Kind, unit: Option<UnitKind>) -> &'static str {
    match (kind, unit) {
        (Kind::Correction, _) => "Correction",
        (Kind::Commitment(_) | Kind::Unused, _) => "Committed Hours",
        (_, Some(UnitKind::Input)) => "Input Tokens",
        (_, Some(UnitKind::CacheRead)) => "Cache Read Tokens",
        (_, Some(UnitKind::CacheWrite5m)) => "Cache Write Tokens, 5 Minutes",
        (_, Some(UnitKind::CacheWrite1h)) => "Cache Write Tokens, 1 Hour",
        (_, Some(UnitKind::AudioInput)) => "Audio Input Tokens",
        (_, Some(UnitKind::Output)) => "Output Tokens",
        (_, Some(UnitKind::Reasoning)) => "Reasoning Tokens",
        (_, Some(UnitKind::AudioOutput)) => "Audio Output Tokens",
        (_, Some(UnitKind::Image)) => "Images",
        (_, None) => "All Tokens",
    }
}

fn token_type(row: &Row<'_>) -> &'static str {
    match row.key.kind {
        Kind::Commitment(_) => "commitment",
        Kind::Unused => "unused",
        Kind::Correction => "correction",
        kind => kind.unit().map_or("all", UnitKind::as_str),
    }
}

fn sku_price<'a>(row: &Row<'a>) -> Value<'a> {
    if row.key.price.is_empty() {
        return Value::Null;
    }
    Value::Text(Cow::Owned(format!("{}#{}", row.key.price, token_type(row))))
}

fn description<'a>(row: &Row<'a>) -> Value<'a> {
    if row.is_of_commitment() {
        let what = if row.is_bought() { "An hour of" } else { "Unused part of an hour of" };
        let name = row.key.commitment().unwrap_or_default();
        return Value::Text(Cow::Owned(format!("{what} commitment {name} by {}", row.seller.service)));
    }
    let meter = meter(row.key.kind, row.key.kind.unit());
    let what = if row.is_correction() { "Correction of the price of" } else { meter };
    let of = if row.is_correction() { "" } else { " of" };
    Value::Text(Cow::Owned(format!("{what}{of} {} by {}", row.key.model, row.seller.service)))
}

/// `VERSION/PROVIDER/ID[~SCOPE][@TIER][>THRESHOLD][%DISCOUNT]`, taken apart.
fn price_details<'a>(row: &Row<'a>) -> Value<'a> {
    let mut details = Map::new();
    details.insert("x_TokenType".into(), token_type(row).into());
    details.insert("x_ServiceTier".into(), row.key.tier.into());
    let price = &*row.key.price;
    if !price.is_empty() {
        details.insert("x_PriceBookVersion".into(), version(price).into());
        let of = seller::taken_apart(price).1;
        if let Some((_, above)) = of.split_once('>') {
            details.insert("x_ContextTier".into(), format!(">{}", above.split('%').next().unwrap_or(above)).into());
        }
        if let Some((_, discount)) = of.split_once('%') {
            details.insert("x_Discount".into(), discount.into());
        }
    }
    json(details)
}

fn version(price: &str) -> &str {
    seller::taken_apart(price).0
}

/// `team=…` and so on, and the tags of the call, each a key.
fn tags<'a>(row: &Row<'a>) -> Value<'a> {
    let mut tags = Map::new();
    for tag in &row.key.tags {
        match tag.split_once('=') {
            Some((name, value)) => tags.insert(name.to_owned(), value.into()),
            None => tags.insert(tag.clone(), Json::Bool(true)),
        };
    }
    for (name, value) in [
        ("team", Some(&row.key.team)),
        ("project", row.key.project.as_ref()),
        ("environment", row.key.environment.as_ref()),
    ] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            tags.insert(name.to_owned(), Json::String((**value).to_owned()));
        }
    }
    json(tags)
}

fn json<'a>(members: Map<String, Json>) -> Value<'a> {
    Value::Text(Cow::Owned(Json::Object(members).to_string()))
}

/// The first moment of the month of a time, or of the next one.
fn month<'a>(hour: i64, next: bool) -> Value<'a> {
    let start = start_of(hour);
    let first = || {
        let at = jiff::Timestamp::from_microsecond(start.micros()).ok()?.to_zoned(jiff::tz::TimeZone::UTC);
        let first = at.first_of_month().ok()?.start_of_day().ok()?;
        let first = if next { first.checked_add(1.month()).ok()? } else { first };
        Some(Timestamp::from_micros(first.timestamp().as_microsecond()))
    };
    Value::Time(first().unwrap_or(start))
}

fn charge_category<'a>(row: &Row<'a>) -> Value<'a> {
    fixed(if row.is_bought() { "Purchase" } else { "Usage" })
}

fn frequency<'a>(row: &Row<'a>) -> Value<'a> {
    fixed(if row.is_bought() { "Recurring" } else { "Usage-Based" })
}

fn pricing_category<'a>(row: &Row<'a>) -> Value<'a> {
    match row {
        row if row.is_correction() => Value::Null,
        row if row.key.commitment().is_some() && !row.is_bought() => fixed("Committed"),
        _ => fixed("Standard"),
    }
}

fn resource_type<'a>(row: &Row<'a>) -> Value<'a> {
    fixed(match row {
        row if row.is_of_commitment() => "Commitment",
        row if row.key.profile.is_some() => "Inference Profile",
        _ => "Model",
    })
}

fn resource_name<'a>(row: &Row<'a>) -> Value<'a> {
    text(row.key.profile.as_deref().filter(|_| row.is_of_commitment()).unwrap_or(&row.key.model))
}

/// The commitment; corrections of calls under one are none of its.
fn commitment<'a>(row: &Row<'a>) -> Option<&'a str> {
    row.key.commitment().filter(|_| !row.is_correction())
}

fn of_commitment<'a>(row: &Row<'a>, word: &'static str) -> Value<'a> {
    commitment(row).map_or(Value::Null, |_| fixed(word))
}

fn commitment_name<'a>(row: &Row<'a>) -> Value<'a> {
    optional(commitment(row))
}

/// Nothing where a discount is marked as committed, and no commitment is declared for it.
fn commitment_quantity<'a>(row: &Row<'a>) -> Value<'a> {
    if commitment(row).is_none() || row.charge.hours == Decimal::ZERO {
        return Value::Null;
    }
    Value::Decimal(row.charge.hours)
}

fn commitment_status<'a>(row: &Row<'a>) -> Value<'a> {
    match row.key.kind {
        Kind::Commitment(_) => Value::Null,
        Kind::Unused => fixed("Unused"),
        _ => of_commitment(row, "Used"),
    }
}

/// The Region in an ARN.
fn region<'a>(row: &Row<'a>) -> Value<'a> {
    let named = [row.key.profile.as_deref(), Some(&*row.key.model)].into_iter().flatten();
    optional(named.filter(|name| name.starts_with("arn:")).find_map(|arn| arn.split(':').nth(3)))
}

/// The list price of cached input outside the cache, less what it was.
fn cache_savings<'a>(row: &Row<'a>) -> Value<'a> {
    let (Some(UnitKind::CacheRead), Some((list, _)), Some(uncached)) =
        (row.key.kind.unit(), row.key.unit, row.key.uncached)
    else {
        return Value::Null;
    };
    Value::Decimal(Decimal::from_picos(i128::from(row.charge.units) * (i128::from(uncached) - i128::from(list))))
}

use Shape::{Count, Decimal as Number, Json as Object, Text, Time};

/// Every column, in the order of FOCUS's own list; those of none of its versions last. Providers are named both in the
/// words of 1.2 (`ProviderName`, `PublisherName`) and in those of 1.3.
pub static COLUMNS: [Column; 65] = [
    must("BilledCost", Number, cost),
    must("BillingAccountId", Text, account),
    may("BillingAccountName", Text, account),
    may("BillingAccountType", Text, |_| fixed("Account")),
    must("BillingCurrency", Text, usd),
    must("BillingPeriodEnd", Time, |row| month(row.key.hour, true)),
    must("BillingPeriodStart", Time, |row| month(row.key.hour, false)),
    must("ChargeCategory", Text, charge_category),
    may("ChargeClass", Text, |row| if row.is_correction() { fixed("Correction") } else { Value::Null }),
    may("ChargeDescription", Text, description),
    must("ChargeFrequency", Text, frequency),
    must("ChargePeriodEnd", Time, |row| Value::Time(start_of(row.key.hour + 1))),
    must("ChargePeriodStart", Time, |row| Value::Time(start_of(row.key.hour))),
    may("CommitmentDiscountCategory", Text, |row| of_commitment(row, "Usage")),
    may("CommitmentDiscountId", Text, commitment_name),
    may("CommitmentDiscountName", Text, commitment_name),
    may("CommitmentDiscountQuantity", Number, commitment_quantity),
    may("CommitmentDiscountStatus", Text, commitment_status),
    may("CommitmentDiscountType", Text, |row| of_commitment(row, "Committed Use")),
    may("CommitmentDiscountUnit", Text, |row| of_commitment(row, "Hours")),
    may("ConsumedQuantity", Number, quantity),
    may("ConsumedUnit", Text, |row| if row.is_of_commitment() { Value::Null } else { unit(row, "Tokens") }),
    must("ContractedCost", Number, contracted),
    may("ContractedUnitPrice", Number, contracted_price),
    must("EffectiveCost", Number, effective),
    may("HostProviderName", Text, |row| text(row.seller.host)),
    may("InvoiceId", Text, |_| Value::Null),
    must("InvoiceIssuerName", Text, |row| text(row.seller.name)),
    must("ListCost", Number, |row| Value::Decimal(row.charge.list)),
    may("ListUnitPrice", Number, list_price),
    may("PricingCategory", Text, pricing_category),
    may("PricingCurrency", Text, usd),
    may("PricingCurrencyContractedUnitPrice", Number, contracted_price),
    may("PricingCurrencyEffectiveCost", Number, effective),
    may("PricingCurrencyListUnitPrice", Number, list_price),
    may("PricingQuantity", Number, priced_quantity),
    may("PricingUnit", Text, |row| unit(row, if row.is_of_commitment() { "Hours" } else { "1000000 Tokens" })),
    must("ProviderName", Text, |row| text(row.seller.name)),
    must("PublisherName", Text, |row| text(seller::publisher(&row.key.model, row.seller.name))),
    may("RegionId", Text, region),
    may("RegionName", Text, region),
    may("ResourceId", Text, |row| text(row.key.profile.as_deref().unwrap_or(&row.key.model))),
    may("ResourceName", Text, resource_name),
    may("ResourceType", Text, resource_type),
    must("ServiceCategory", Text, |_| fixed("AI and Machine Learning")),
    must("ServiceName", Text, |row| text(row.seller.service)),
    may("ServiceProviderName", Text, |row| text(row.seller.name)),
    must("ServiceSubcategory", Text, |_| fixed("Generative AI")),
    may("SkuId", Text, |row| text(&row.key.model)),
    may("SkuMeter", Text, |row| fixed(meter(row.key.kind, row.key.kind.unit()))),
    may("SkuPriceDetails", Object, price_details),
    may("SkuPriceId", Text, sku_price),
    may("SubAccountId", Text, |row| optional(Some(&row.key.team))),
    may("SubAccountName", Text, |row| optional(Some(&row.key.team))),
    may("SubAccountType", Text, |row| if row.key.team.is_empty() { Value::Null } else { fixed("Team") }),
    must("Tags", Object, tags),
    must("x_RequestCount", Count, |row| Value::Count(i64::try_from(row.charge.calls).unwrap_or(i64::MAX))),
    must("x_TokenType", Text, |row| fixed(token_type(row))),
    must("x_ServiceTier", Text, |row| fixed(row.key.tier)),
    may("x_Project", Text, |row| optional(row.key.project.as_deref())),
    may("x_Environment", Text, |row| optional(row.key.environment.as_deref())),
    may("x_PriceBookVersion", Text, |row| optional(Some(version(&row.key.price)))),
    must("x_EstimatedCost", Number, |row| Value::Decimal(row.charge.estimated)),
    must("x_UnpricedRequestCount", Count, |row| Value::Count(row.charge.unpriced_calls)),
    may("x_CacheSavings", Number, cache_savings),
];
