//! Teams that limits, budgets, guardrails and priorities name, and that the file does not declare.

use tg_config::document::Document;
use tg_config::grammar::Pattern;

/// What a writer should look at again: a team that is spelt wrong has no calls, and its limit, budget or set holds nobody.
/// Teams of the store are not known here. Nothing is said where the file declares no team: then all are the store's.
pub(crate) fn notes(document: &Document) -> Vec<String> {
    if document.teams.is_empty() {
        return Vec::new();
    }
    let limits = document.limits.iter().map(|it| ("limits", it.name.as_str(), it.scope.team.as_ref()));
    let budgets = document.budgets.iter().map(|it| ("budgets", it.name.as_str(), it.scope.team.as_ref()));
    let sets = document.guardrails.iter().map(|it| ("guardrails", it.name.as_str(), it.scope.team.as_ref()));
    let number = |number: usize| format!("[{number}]");
    let ranks = document.priorities.iter().enumerate().map(|(n, it)| ("priorities", number(n), it.scope.team.as_ref()));
    let is_declared = |team: &Pattern| document.teams.iter().any(|declared| declared.name.as_str() == team.as_str());
    let named = limits.chain(budgets).chain(sets).map(|(list, name, team)| (list, name.to_owned(), team));
    let named = named.chain(ranks).filter_map(|(list, name, team)| Some((list, name, team?)));
    named
        .filter(|(_, _, team)| team.is_exact() && !is_declared(team))
        .map(|(list, name, team)| {
            format!(
                "{list}: '{name}' is for the team '{team}', which is not declared in this file; it must be in the store, or \
                 no call is meant"
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::notes;
    use tg_config::load::from_text;

    const LISTS: &str = "
providers: [{ name: a, kind: anthropic, api_key: env:K }]
limits: [{ name: l, requests: 1/m, for: { team: serach } }, { name: fine, requests: 1/m, for: { team: search } }]
pools: [{ name: p, for: [{ provider: a }], concurrent: 1 }]
priorities: [{ for: { team: serach } }]
budgets: [{ name: b, amount: 1 USD, for: { team: serach } }, { name: any, amount: 1 USD, for: { team: 'x*' } }]
guardrails: [{ name: g, for: { team: serach }, unreadable: allow, rules: [{ name: r, words: { list: [w] }, on: output, action: block }] }]
";

    #[test]
    fn a_team_that_is_spelt_wrong_does_not_pass_in_silence() {
        let found = notes(&from_text("test", &format!("{LISTS}teams: [{{ name: search }}]\n")).unwrap());
        let begins: Vec<&str> = found.iter().map(|note| note.split(',').next().unwrap()).collect();
        let wanted = |list: &str, name: &str| format!("{list}: '{name}' is for the team 'serach'");
        let all = [("limits", "l"), ("budgets", "b"), ("guardrails", "g"), ("priorities", "[0]")];
        assert_eq!(begins, all.map(|(list, name)| wanted(list, name)));
        assert!(found[0].ends_with("is not declared in this file; it must be in the store, or no call is meant"));
        assert_eq!(notes(&from_text("test", LISTS).unwrap()), [""; 0], "all teams are the store's");
    }
}
