//! Every built-in check, in force.

use tg_policy::guard::{Action, Check, Pii, Rule, Style};

pub fn rule(check: Check, action: Action) -> Rule {
    Rule::of(check.as_str(), check, action)
}

pub fn all() -> Vec<Rule> {
    vec![
        rule(Check::Secrets(None), Action::Redact(Style::Tag)),
        rule(Check::Pii(Pii::All), Action::Redact(Style::Tag)),
        rule(Check::Injection(0.9), Action::Block),
        rule(Check::IndirectInjection(0.9), Action::Block),
        rule(Check::Harm([Some(0.95); 7]), Action::Block),
        rule(Check::Words { list: vec!["project heron".into(), "osprey".into()], fuzzy: 1 }, Action::Block),
        rule(Check::Pattern(r"\bPC-\d{8}\b".into()), Action::Block),
    ]
}
