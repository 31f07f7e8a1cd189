//! Who sells and who made a model, in the words of FOCUS.

/// Who sells a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seller<'a> {
    /// The service.
    pub(super) service: &'a str,
    /// Who sells and bills it.
    pub(super) name: &'a str,
    /// Who runs it.
    pub(super) host: &'a str,
}

const fn seller(service: &'static str, name: &'static str) -> Seller<'static> {
    Seller { service, name, host: name }
}

/// The seller behind a price (`VERSION/PROVIDER/ID…`); the provider's own name where there is none.
pub(super) fn of<'a>(price: &'a str, provider: &'a str) -> Seller<'a> {
    match taken_apart(price).1.split('/').next().unwrap_or_default() {
        "bedrock" | "bedrock_mantle" => seller("Amazon Bedrock", "AWS"),
        "anthropic" => seller("Claude API", "Anthropic"),
        "openai" => seller("OpenAI API", "OpenAI"),
        "azure" | "azure_ai" => seller("Azure AI Foundry", "Microsoft"),
        "gemini" => seller("Gemini API", "Google"),
        "mistral" => seller("Mistral API", "Mistral AI"),
        "groq" => seller("GroqCloud", "Groq"),
        "deepseek" => seller("DeepSeek API", "DeepSeek"),
        "xai" => seller("xAI API", "xAI"),
        _ => Seller { service: provider, name: provider, host: provider },
    }
}

/// A price's version, and what it names: `VERSION/PROVIDER/ID…`. Rows that earlier versions of the gateway booked may
/// have the whole path of an override file as their version.
pub(super) fn taken_apart(price: &str) -> (&str, &str) {
    const FILES: [&str; 3] = [".yaml/", ".yml/", ".json/"];
    let end = FILES.iter().filter_map(|end| Some(price.find(end)? + end.len() - 1)).min();
    match end.or_else(|| price.find('/')) {
        Some(end) => (&price[..end], &price[end + 1..]),
        None => (price, ""),
    }
}

/// Who made a model.
pub(super) fn publisher<'a>(model: &str, seller: &'a str) -> &'a str {
    const MAKERS: [(&str, &str); 13] = [
        ("claude", "Anthropic"),
        ("nova", "Amazon"),
        ("titan", "Amazon"),
        ("gpt", "OpenAI"),
        ("llama", "Meta"),
        ("mistral", "Mistral AI"),
        ("mixtral", "Mistral AI"),
        ("command", "Cohere"),
        ("cohere", "Cohere"),
        ("gemini", "Google"),
        ("deepseek", "DeepSeek"),
        ("qwen", "Alibaba"),
        ("grok", "xAI"),
    ];
    MAKERS.iter().find(|(part, _)| model.contains(part)).map_or(seller, |(_, maker)| maker)
}
