//! Whose model a Bedrock model id names.

/// The maker of a model, as far as requests to it differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelFamily {
    /// Anthropic's Claude.
    Claude,
    /// Amazon's Nova.
    Nova,
    /// Amazon's Titan embeddings.
    TitanEmbed,
    /// Cohere's embeddings.
    CohereEmbed,
    /// Embeddings of another maker, or of Amazon's Nova: relayed, never written here.
    OtherEmbed,
    /// Another maker.
    Other,
    /// An ARN that does not say whose model stands behind it (application inference profile, provisioned throughput).
    Opaque,
}

impl ModelFamily {
    /// The family of a model id, profile id or ARN.
    #[must_use]
    pub fn of(model: &str) -> Self {
        const KNOWN: [(&str, ModelFamily); 7] = [
            ("anthropic.", ModelFamily::Claude),
            ("amazon.nova-2-multimodal-embeddings", ModelFamily::OtherEmbed),
            ("twelvelabs.marengo-embed", ModelFamily::OtherEmbed),
            ("amazon.nova-", ModelFamily::Nova),
            ("amazon.titan-embed", ModelFamily::TitanEmbed),
            ("amazon.titan-e1t", ModelFamily::TitanEmbed),
            ("cohere.embed", ModelFamily::CohereEmbed),
        ];
        if let Some((_, family)) = KNOWN.iter().find(|(mark, _)| model.contains(mark)) {
            return *family;
        }
        let opaque =
            ["application-inference-profile/", "provisioned-model/", "custom-model", "imported-model/", "prompt"];
        if model.starts_with("arn:") && opaque.iter().any(|mark| model.contains(mark)) {
            Self::Opaque
        } else {
            Self::Other
        }
    }

    /// Whether members that only Claude knows may be sent. An opaque id gets them: callers ask for them on purpose.
    #[must_use]
    pub const fn may_be_claude(self) -> bool {
        matches!(self, Self::Claude | Self::Opaque)
    }

    /// Whether the model makes vectors, for certain.
    #[must_use]
    pub const fn is_embedding(self) -> bool {
        matches!(self, Self::TitanEmbed | Self::CohereEmbed | Self::OtherEmbed)
    }
}

#[cfg(test)]
mod tests {
    use super::ModelFamily;

    #[test]
    fn ids_profiles_and_arns_name_a_family() {
        for (model, family) in [
            ("anthropic.claude-3-5-sonnet-20241022-v2:0", ModelFamily::Claude),
            ("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", ModelFamily::Claude),
            ("arn:aws:bedrock:eu-west-1:1:inference-profile/eu.anthropic.claude-opus-4-7-v1:0", ModelFamily::Claude),
            ("us.amazon.nova-pro-v1:0", ModelFamily::Nova),
            ("amazon.titan-embed-text-v2:0", ModelFamily::TitanEmbed),
            ("amazon.nova-2-multimodal-embeddings-v1:0", ModelFamily::OtherEmbed),
            ("us.twelvelabs.marengo-embed-2-7-v1:0", ModelFamily::OtherEmbed),
            ("cohere.embed-multilingual-v3", ModelFamily::CohereEmbed),
            ("meta.llama3-70b-instruct-v1:0", ModelFamily::Other),
            ("arn:aws:bedrock:us-east-1:1:application-inference-profile/abc123", ModelFamily::Opaque),
        ] {
            assert_eq!(ModelFamily::of(model), family, "{model}");
        }
    }
}
