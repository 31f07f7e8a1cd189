//! How much a call can use at most, whatever it costs.

use tg_catalog::{ModelKind, Row};
use tg_dialect::bound;
use tg_dialect::dialects::bedrock_converse::ModelFamily;
use tg_dialect::dialects::bedrock_invoke::OutputBounds;
use tg_dialect::scan::Members;
use tg_kernel::dialect::{Dialect, Operation};
use tg_kernel::peek::Peek;
use tg_kernel::record::Asked;
use tg_kernel::units::Money;
use tg_kernel::usage::ServiceTier;

/// Most tokens that a model can read whose context is not known, or not believed: no model that is sold has more.
const CONTEXT_MAX: u64 = 2_000_000;

/// How much a call can use at most, apart from its model.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bound {
    /// Input tokens; `None`: as many as the model can read.
    input: Option<u64>,
    /// Output tokens of one answer; `None`: as many as the model can write.
    pub(crate) output: Option<u64>,
    /// Answers that are asked for.
    pub(crate) answers: u64,
    /// Inputs that are read each for itself, where vectors are asked for.
    inputs: u64,
    /// Pictures, where the model makes some.
    pictures: u64,
    embeds: bool,
    /// Whether the provider may choose the tier.
    is_tier_open: bool,
    /// Of a body that each family of models reads in its own way, in place of `output`.
    of_family: Option<OutputBounds>,
}

impl Bound {
    pub(crate) fn of(asked: &Asked, members: &Members<'_>, peek: &Peek) -> Self {
        let tier = members.string("service_tier").ok().flatten();
        let embeds = asked.operation == Operation::Embeddings;
        let is_of_family = asked.dialect == Dialect::BedrockInvoke && asked.operation == Operation::Chat;
        let of_family = is_of_family.then(|| OutputBounds::of(members).unwrap_or_default());
        Self {
            input: bound::input_tokens_max(members.body()),
            output: if embeds { Some(0) } else { peek.output_tokens_max.filter(|_| of_family.is_none()) },
            answers: if embeds { 1 } else { peek.answers.unwrap_or(1).max(1) },
            inputs: bound::inputs(members),
            pictures: bound::pictures(members),
            embeds,
            is_tier_open: tier.is_none_or(|tier| tier == "auto"),
            of_family,
        }
    }

    /// Input and output tokens at a model of which this is known.
    pub(crate) fn tokens(&self, row: Option<&Row>, model: &str) -> (u64, u64) {
        let limits = row.map(Row::limits).unwrap_or_default();
        let context = limits.context.map(u64::from).filter(|context| {
            // A price for longer input shows that there is longer input.
            row.is_some_and(|row| row.rate_sets().iter().all(|set| u64::from(set.above) < *context))
        });
        let readable = context.unwrap_or(CONTEXT_MAX);
        if self.embeds_at(row, model) {
            // Each input may be as long as the model can read.
            return (self.input.unwrap_or_else(|| readable.saturating_mul(self.inputs.max(1))), 0);
        }
        let input = self.input.map_or(readable, |input| input.min(readable));
        let own = self.of_family.map_or(self.output, |bounds| bounds.at(model));
        let output = own.or(limits.output_max.map(u64::from)).unwrap_or(readable);
        (input, output.saturating_mul(self.answers.max(1)))
    }

    /// One path of Bedrock serves all operations: only the model tells vectors from answers.
    fn embeds_at(&self, row: Option<&Row>, model: &str) -> bool {
        let by_model =
            || ModelFamily::of(model).is_embedding() || row.is_some_and(|row| row.kind() == ModelKind::Embedding);
        self.embeds || self.of_family.is_some() && by_model()
    }

    /// The dearest tier at which a call may be served that asks for `tier`. Where the request does not say, OpenAI, Azure
    /// and Google go by what is set for a project, which may be priority; Bedrock never does by itself.
    pub(crate) fn tier(&self, row: &Row, tier: ServiceTier) -> ServiceTier {
        let chooses = matches!(row.provider(), "openai" | "azure" | "azure_ai" | "gemini" | "anthropic");
        if self.is_tier_open && chooses && tier == ServiceTier::Default { ServiceTier::Priority } else { tier }
    }

    /// What its pictures cost at most.
    pub(crate) fn pictures(&self, row: &Row) -> Money {
        let dearest = row.rate_sets().iter().filter_map(|set| set.rates.image).max().unwrap_or_default();
        Money::from_picos(i128::from(dearest).saturating_mul(i128::from(self.pictures.max(1))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tg_catalog::Catalogue;
    use tg_kernel::clock::Timestamp;

    fn bound(operation: Operation, dialect: Dialect, body: &str) -> Bound {
        let asked = Asked { dialect, operation, model: "m".into(), stream: false };
        Bound::of(&asked, &Members::scan(body.as_bytes()).unwrap(), &Peek::default())
    }

    fn row(provider: &str, id: &str) -> std::sync::Arc<Row> {
        Catalogue::embedded().unwrap().find(provider, id, Timestamp::from_micros(i64::MAX)).unwrap()
    }

    /// Many inputs, each as long as the model can read: its context bounds one of them and not the request.
    #[test]
    fn a_request_for_many_vectors_is_held_for_all_of_them() {
        let body = serde_json::json!({"input": vec!["word ".repeat(1_000); 100]}).to_string();
        let small = row("openai", "text-embedding-3-small");
        let many = bound(Operation::Embeddings, Dialect::OpenaiEmbeddings, &body);
        assert_eq!(many.tokens(Some(&small), "text-embedding-3-small"), (body.len() as u64 + 2_000, 0));
        let body = serde_json::json!({"texts": ["a", "b"], "images": ["data:image/png;base64,aGk="]}).to_string();
        let pictured = bound(Operation::Chat, Dialect::BedrockInvoke, &body);
        assert_eq!(pictured.tokens(None, "cohere.embed-english-v3"), (3 * CONTEXT_MAX, 0));
    }

    #[test]
    fn a_tier_that_the_provider_chooses_is_held_at_the_dearest_and_one_that_is_named_is_not() {
        let (openai, bedrock) = (row("openai", "gpt-5"), row("bedrock", "amazon.nova-pro-v1:0"));
        let tier = |row: &Row, body| bound(Operation::Chat, Dialect::OpenaiChat, body).tier(row, ServiceTier::Default);
        assert_eq!(tier(&openai, "{}"), ServiceTier::Priority);
        assert_eq!(tier(&openai, r#"{"service_tier":"auto"}"#), ServiceTier::Priority);
        assert_eq!(tier(&openai, r#"{"service_tier":"default"}"#), ServiceTier::Default);
        assert_eq!(tier(&bedrock, "{}"), ServiceTier::Default);
    }
}
