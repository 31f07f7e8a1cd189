//! Where calls must stay: that there is such a place, and that some call can stay there.

use super::Findings;
use super::limits::{Named, check_named};
use super::served::Served;
use crate::document::Document;
use crate::nearest::propose;
use crate::problem::{Path, Problem};

pub(super) fn check(document: &Document, served: &Served, found: &mut Findings) {
    let list = Path::root().member("residency");
    let known: Vec<&str> = document.providers.iter().filter_map(|p| Some(p.residency.as_ref()?.as_str())).collect();
    for (number, rule) in document.residency.iter().enumerate() {
        let path = list.element(number);
        let places = path.member("in");
        if rule.places.is_empty() {
            found.add(places.clone(), "is empty", "name one place and more, as in `in: [eu]`");
        }
        found.add_repeated(super::numbered(&places, &rule.places));
        for (at, place) in super::numbered(&places, &rule.places) {
            if !known.contains(&place) {
                let hint = if known.is_empty() {
                    format!("say `residency: {place}` of the providers that are there")
                } else {
                    propose(place, known.iter().copied())
                };
                let problem = Problem::new(at, format!("no provider has the residency `{place}`"), hint);
                found.add_resting_on(vec![Path::root().member("providers")], problem);
            }
        }
        check_named((document, served), &Named::of(&rule.scope, &[]), &path, found);
    }
}

#[cfg(test)]
mod tests {
    use crate::load::from_text;

    fn refused(text: &str) -> String {
        let providers =
            "providers:\n- { name: a, kind: openai_compatible, base_url: 'http://127.0.0.1:9/v1', residency: eu }\n";
        from_text("test", &format!("{providers}{text}")).err().map(|problems| problems.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_place_where_nobody_is_is_refused_with_its_path_and_the_nearest_name() {
        assert_eq!(refused("residency: [{ in: [eu] }]"), "");
        for (text, place, said) in [
            ("residency: [{ in: [ue] }]", "residency[0].in[0]", "`eu`"),
            ("residency: [{ in: [] }]", "residency[0].in", "1"),
            ("residency: [{ in: [eu, eu] }]", "residency[0].in[1]", "already"),
            ("residency: [{ for: { team: [x] }, in: [eu] }]", "residency[0].for.team", ""),
        ] {
            let told = refused(text);
            assert!(told.contains(place) && told.contains(said), "{text}: {told}");
        }
    }
}
