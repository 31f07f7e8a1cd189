//! What no check can read: whether it is said what happens with it, wherever a rule is in force.

use crate::check::Findings;
use crate::document::{Guardrail, Unreadable};
use crate::problem::{Path, Problem};

pub(super) fn check(set: &Guardrail, path: &Path, found: &mut Findings) {
    let (rules, place) = (path.member("rules"), path.member("unreadable"));
    let of_requests = set.rules.iter().find(|rule| rule.is_in_force_on_input());
    let of_answers = set.rules.iter().find(|rule| rule.is_in_force_on_output());
    let Some(unreadable) = set.unreadable else {
        let missing = of_requests.map(|rule| (rule, "requests")).or_else(|| of_answers.map(|rule| (rule, "answers")));
        if let Some((rule, way)) = missing {
            let message = format!(
                "is missing: the rule `{}` is in force for {way}, and cannot read pictures and files",
                rule.name
            );
            let hint = "write `unreadable: block`, or `unreadable: allow`, or one of the two for each of image, audio, \
                        video, document, reference, tokens, hidden (`document: read` takes the texts out of files), and \
                        for answers where a rule is in force for them";
            found.add_resting_on(vec![rules], Problem::new(place, message, hint));
        }
        return;
    };
    let Unreadable::Each(each) = unreadable else { return };
    match (each.answers, of_answers) {
        (None, Some(rule)) => {
            let message = format!(
                "is missing: the rule `{}` is in force for answers, and cannot read pictures and sound in them",
                rule.name
            );
            let hint = "write `answers: block` to withhold such answers, or `answers: allow` to let what is not text of them \
                        go on unread";
            found.add_resting_on(vec![rules], Problem::new(place.member("answers"), message, hint));
        }
        (Some(_), None) => {
            let hint = "remove it, or add a rule in force with `on: output`";
            let problem =
                Problem::new(place.member("answers"), "holds for nothing: no rule is in force for answers", hint);
            found.add_resting_on(vec![rules], problem);
        }
        _ => {}
    }
}
