//! The models that calls can name: those of the document, or where it states none the usual ones of its providers.

use super::Findings;
use crate::document::{Document, ProviderKind};
use crate::grammar::Pattern;
use crate::problem::{Path, Problem};
use crate::routes::usual_models;

/// The names under which guardrails are asked for apart from a model: without an entry of `models` they go to the only
/// Bedrock provider.
const GUARDRAILS: &str = "guardrail*";

/// The names of models that are served.
pub(super) struct Served {
    names: Vec<Pattern>,
    is_usual: bool,
}

impl Served {
    pub(super) fn of(document: &Document) -> Self {
        let is_usual = document.models.is_empty();
        let models = if is_usual { usual_models(&document.providers) } else { document.models.clone() };
        let bedrock = document.providers.iter().filter(|provider| provider.kind == ProviderKind::Bedrock).count();
        let guardrails = if bedrock == 1 { GUARDRAILS.parse().ok() } else { None };
        Self { names: models.into_iter().map(|model| model.name).chain(guardrails).collect(), is_usual }
    }

    /// Adds a problem where `name`, which stands at `path`, is served by nobody; `hint` is for documents that state their
    /// models. Whether it is served, as far as anything is known.
    pub(super) fn check(&self, name: &Pattern, path: Path, hint: &str, found: &mut Findings) -> bool {
        // Without providers that is what is wrong, and is said elsewhere.
        let is_served = self.names.is_empty() || self.names.iter().any(|served| served.overlaps(name));
        if !is_served {
            let models = Path::root().member("models");
            let (message, hint, rests_on) = if self.is_usual {
                let message = format!("`{name}` is served by no provider here, as there are no `models`");
                let hint = "mend the name, or add `models` with an entry for it";
                (message, hint, vec![models, Path::root().member("providers")])
            } else {
                (format!("`{name}` is the name of no model in `models`"), hint, vec![models])
            };
            found.add_resting_on(rests_on, Problem::new(path, message, hint));
        }
        is_served
    }
}
