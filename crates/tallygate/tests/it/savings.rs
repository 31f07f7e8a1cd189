//! What caches saved, as `tallygate report` shows it: the sums are those of the rows, and hits are worth what their calls cost.

use crate::cli::{bad, good};
use crate::speak::{Manner, ask};
use crate::wire::Call;
use crate::world::{DEADLINE, Setup, World, rows};
use serde_json::{Value, json};
use tg_kernel::dialect::Dialect;
use tg_kernel::units::Money;
use tg_store::key::NewKey;

/// A long prompt for Claude, of which a provider's cache may have a part.
fn long(question: &str) -> Call {
    let system = "rules that never change. ".repeat(900);
    let body = json!({"model": "on-anthropic", "max_tokens": 99, "system": system,
        "messages": [{"role": "user", "content": question}]});
    Call::post("/v1/messages", body.to_string()).header("anthropic-version", "2023-06-01")
}

#[test]
fn a_report_of_savings_is_the_sum_of_what_rows_say_and_hits_are_worth_what_their_calls_cost() {
    let setup = Setup {
        cache: "{ rules: [{ name: all, ttl: 1h, only_deterministic: false }] }".to_owned(),
        teams: "- { name: red, projects: [alpha], environments: [prod] }\n- { name: blue }\n".to_owned(),
        more: "prompt_cache: [{ points: auto }]\n".to_owned(),
        ..Setup::default()
    };
    let mut world = World::with(setup);
    let blue = world.issue(&NewKey { ..world.new_key("blue") });
    let hi = |text: &str| ask(Dialect::OpenaiChat, Manner::Plain, "on-openai", text);
    for text in ["one", "two", "one", "one", "two", "three"] {
        assert_eq!(world.send(&hi(text)).status, 200);
    }
    for text in ["one", "one"] {
        assert_eq!(hi(text).bearer(blue.secret.expose()).send(world.address).status, 200);
    }
    for question in ["first", "second", "third", "third"] {
        assert_eq!(world.send(&long(question)).status, 200);
    }
    world.drain(DEADLINE);
    std::fs::write(world.folder.path().join("tallygate.yaml"), world.config.replace("admin:", "# admin:")).unwrap();
    let rows = rows(&world.folder.path().join("tallygate.db"));
    let paid = |id| rows.iter().find(|row| row.id == id).unwrap().cost.amount;
    let [mut answers, mut points] = [[Money::ZERO; 2]; 2];
    for row in &rows {
        let team = usize::from(*row.attribution.team == *"blue");
        let Some(decided) = &row.decided else { continue };
        if let Some(hit) = decided.cache.as_ref().and_then(|cache| cache.hit.as_ref()) {
            answers[team] = answers[team].plus(paid(hit.from));
        }
        points[team] = points[team].plus(decided.prompt_cache.map_or(Money::ZERO, |points| points.saved));
    }
    assert!(answers.iter().all(|saved| *saved > Money::ZERO) && points[0] != Money::ZERO, "{answers:?} {points:?}");
    let report = |more: &[&str]| good(world.folder.path(), &[&["report", "--savings"], more].concat());
    let read: Value = serde_json::from_str(&report(&["--format", "json"])).unwrap();
    let expected = |team: usize, name: &str, calls: u64, hits: u64, pointed: u64| {
        json!({"group": [name], "calls": calls, "hits": hits, "saved_by_answers_nanos": answers[team].nanos(),
            "unpriced_hits": 0, "pointed": pointed, "saved_by_points_nanos": points[team].nanos()})
    };
    let teams = [expected(0, "red", 10, 4, 2), expected(1, "blue", 2, 1, 0)];
    let shown = read["rows"].as_array().unwrap();
    assert!(shown.len() == 2 && teams.iter().all(|team| shown.contains(team)), "{read:#}\n{teams:?}");
    let all = answers[0].plus(answers[1]).plus(points[0]);
    let table = report(&["--by", "team,provider"]);
    assert!(table.lines().any(|line| line.starts_with("TOTAL") && line.ends_with(&format!(" {all}"))), "{table}");
    let one = report(&["--filter", "team=blue", "--format", "csv"]);
    assert!(one.contains(&format!("blue,2,1,{0},0,0.00,{0},0", answers[1])), "{one}");
    for (arguments, part) in [
        (&["--format", "focus"][..], "leave --format focus out"),
        (&["--by", "ending"], "--savings groups by team"),
        (&["--amortize"], "cannot be used with"),
    ] {
        let status = if arguments[0] == "--amortize" { 2 } else { 1 };
        let said = bad(world.folder.path(), &[&["report", "--savings"], arguments].concat(), status);
        assert!(said.contains(part), "{arguments:?}: {said}");
    }
}
