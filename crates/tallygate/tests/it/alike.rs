//! Answers to like questions: given where a rule says so, and only where nothing but words differs; else watched, behind calls.

use crate::cli::good;
use crate::guarded::{house, no_secrets};
use crate::mirror::{copy_of, fated};
use crate::speak::{MANNERS, Manner, ask, each_dialect, hear};
use crate::wire::{Answer, Call};
use crate::world::{DEADLINE, Setup, World, put_in_force, until};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tg_kernel::decided::{Alike, Purpose};
use tg_kernel::dialect::Dialect;
use tg_kernel::record::{Ending, Record};
use tg_kernel::reuse::{Kind, Outcome};
use tg_kernel::units::Money;
use tg_proxy::shadow::Fate;
use tg_store::key::NewKey;

const ENFORCE: &str = "mode: enforce, threshold: 97%, timeout: 5s";

fn cache(alike: &str) -> String {
    format!(
        "{{ rules: [{{ name: faq, ttl: 1h, only_deterministic: false, alike: {{ model: {{ provider: openai, model: \
         text-embedding-3-small }}, {alike} }} }}] }}"
    )
}

fn setup(alike: &str) -> Setup {
    Setup {
        cache: cache(alike),
        teams: "- { name: red, projects: [alpha, beta], environments: [prod, dev] }\n- { name: blue }\n".to_owned(),
        ..Setup::default()
    }
}

fn world(alike: &str) -> World {
    World::with(setup(alike))
}

/// A question whose vector stands at so many degrees. The likeness of two is the cosine of their difference: 5° are 99.6 %,
/// 14° are 97.0 %, 20° are 94.0 %.
fn at(degrees: usize, words: &str) -> String {
    format!("{words} angle {}", "b".repeat(degrees))
}

const ONE: &str = "how do I cancel this";
const OTHER: &str = "what is the way for me and my bike";

fn hi(prompt: &str) -> Call {
    ask(Dialect::OpenaiChat, Manner::Plain, "on-openai", prompt)
}

fn outcome(answer: &Answer) -> &str {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.header("x-tallygate-cache")
}

fn known(world: &World) -> u64 {
    world.gateway().living.likenesses.figures().entries
}

/// Sends a call that nobody has asked before, and waits until it is found by likeness.
fn learn(world: &World, call: &Call) -> Answer {
    let before = known(world);
    let answer = world.send(call);
    assert_eq!(outcome(&answer), "miss");
    until("the question is known", || (known(world) > before).then_some(()));
    answer
}

fn question(world: &World, of: &Answer) -> Record {
    copy_of(world, &world.row(of), Purpose::Likeness)
}

fn watched(row: &Record) -> Alike {
    row.decided.as_ref().unwrap().alike.clone().unwrap_or_else(|| panic!("nothing was found: {row:?}"))
}

#[test]
fn a_like_question_is_given_the_answer_in_every_dialect_plain_and_streamed() {
    let world = world(ENFORCE);
    each_dialect(|dialect| {
        for manner in MANNERS {
            let place = format!("{dialect:?} {manner:?}");
            let send = |prompt: String| world.send(&ask(dialect, manner, "on-openai", &prompt));
            let first = send(at(20, ONE));
            assert_eq!(outcome(&first), "miss", "{place}");
            let asked = question(&world, &first);
            assert_eq!((asked.ending, asked.asked.dialect), (Ending::Ok, Dialect::OpenaiEmbeddings), "{place}");
            // It is found a moment after it is booked.
            let again = until("the question is known", || {
                let answer =
                    world.send(&ask(dialect, manner, "on-openai", &at(25, OTHER)).header("x-tallygate-cache", "ttl=0"));
                (outcome(&answer) == "alike").then_some(answer)
            });
            assert_eq!(again.header("x-tallygate-likeness"), "0.996195", "{place}");
            assert!(again.clean && first.body == again.body, "{place}: {}", again.text());
            assert_eq!(hear(dialect, manner, &first), hear(dialect, manner, &again), "{place}");
            assert_eq!((again.header("x-tallygate-cost-usd"), again.header("age")), ("0.00", "0"), "{place}");
            let (before, row) = (world.row(&first), world.row(&again));
            let reuse = row.decided.clone().unwrap().cache.unwrap();
            let hit = reuse.hit.unwrap();
            assert_eq!(
                (reuse.outcome, hit.kind, hit.likeness),
                (Outcome::Alike, Kind::Alike, Some(996_195)),
                "{place}"
            );
            assert_eq!((hit.from, hit.saved.amount), (before.id, before.cost.amount), "{place}");
            assert!(row.served.is_none() && row.cost.amount == Money::ZERO, "{place}");
            let far = world.send(&ask(dialect, manner, "on-openai", &at(40, OTHER)));
            assert_eq!((outcome(&far), far.header("x-tallygate-likeness")), ("miss", ""), "{place}");
            assert_ne!(far.body, first.body, "{place}");
        }
    });
}

#[test]
fn the_question_for_a_vector_is_booked_to_the_team_and_only_where_the_same_was_not_asked() {
    let world = world(ENFORCE);
    let first = learn(&world, &hi(&at(20, ONE)));
    let asked = question(&world, &first);
    let row = world.row(&first);
    assert_eq!(asked.attribution, row.attribution);
    assert!(asked.cost.amount > Money::ZERO && asked.usage.input_tokens > 0, "{asked:?}");
    assert_eq!(&*asked.served.as_ref().unwrap().model, "text-embedding-3-small");
    assert_eq!(outcome(&world.send(&hi(&at(20, ONE)))), "hit");
    assert_eq!(fated(&world, Purpose::Likeness, Fate::Sent), 1, "the exact cache answers without a vector");
    let exact = world.send(&hi(&at(21, OTHER)).header("x-tallygate-cache", "exact"));
    assert_eq!(outcome(&exact), "miss", "who wants none by likeness is given none");
}

#[test]
fn no_like_answer_is_given_to_another_team_nor_past_a_policy_or_anything_but_words() {
    let world = world(ENFORCE);
    learn(&world, &hi(&at(20, ONE)));
    let like = at(21, OTHER);
    let blue = world.issue(&NewKey { ..world.new_key("blue") });
    let body = |change: &dyn Fn(&mut Value)| {
        let mut body = json!({"model": "on-openai", "messages": [{"role": "user", "content": like}]});
        change(&mut body);
        Call::post("/v1/chat/completions", body.to_string())
    };
    let tool =
        json!([{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]);
    for (what, call) in [
        ("another model", ask(Dialect::OpenaiChat, Manner::Plain, "on-local", &like)),
        ("another manner", ask(Dialect::OpenaiChat, Manner::Streamed, "on-openai", &like)),
        ("another dialect", ask(Dialect::OpenaiResponses, Manner::Plain, "on-openai", &like)),
        (
            "instructions",
            body(&|body| {
                body["messages"] =
                    json!([{"role": "system", "content": "be brief"}, {"role": "user", "content": like}]);
            }),
        ),
        (
            "an earlier turn",
            body(&|body| {
                let turn = |role: &str, text: &str| json!({"role": role, "content": text});
                body["messages"] = json!([turn("user", "hi"), turn("assistant", "hello"), turn("user", &like)]);
            }),
        ),
        ("another bound", body(&|body| body["max_completion_tokens"] = json!(77))),
        ("tools", body(&|body| body["tools"] = tool.clone())),
        ("a number", hi(&at(21, &format!("{OTHER} 7")))),
        ("a denial", hi(&at(21, &format!("{OTHER} not")))),
        ("a name", hi(&at(21, &format!("{OTHER} Rome")))),
        ("a quoted stretch", hi(&at(21, &format!("{OTHER} \"it\"")))),
        ("a placeholder", hi(&at(21, &format!("{OTHER} {{it}}")))),
    ] {
        let answer = world.send(&call.header("x-tallygate-cache", "ttl=0"));
        assert_eq!(outcome(&answer), "miss", "{what}");
    }
    let answer = hi(&like).bearer(blue.secret.expose()).header("x-tallygate-cache", "ttl=0").send(world.address);
    assert_eq!(outcome(&answer), "miss", "another team");
    let still = || outcome(&world.send(&hi(&like).header("x-tallygate-cache", "ttl=60"))).to_owned();
    let plain = world.config.clone();
    for (what, from, to) in [
        ("route", "[{ provider: openai, model: gpt-5-mini }]", "[{ provider: local, model: local-chat }]"),
        (
            "guardrail",
            "cache:",
            "guardrails: [{ name: other, unreadable: allow, rules: [{ name: keys, secrets: all, action: block }] }]\ncache:",
        ),
    ] {
        assert!(plain.contains(from), "{what}");
        put_in_force(world.gateway(), &plain.replacen(from, to, 1));
        let answer = world.send(&hi(&like).header("x-tallygate-cache", "ttl=0"));
        assert_eq!(outcome(&answer), "miss", "another {what}");
    }
    put_in_force(world.gateway(), &plain);
    assert_eq!(still(), "alike", "as before: all else was the same");
}

#[test]
fn what_is_cut_filtered_or_blocked_is_never_given_to_who_asks_alike() {
    let rules = vec![tg_policy::guard::Rule { on: Some(tg_policy::guard::On::Output), ..no_secrets() }];
    let world = World::with(Setup { guards: vec![house(rules)], ..setup(ENFORCE) });
    for script in ["[[sim: stop=max_tokens]]", "[[sim: stop=content_filtered]]", "[[sim: say=AKIAQ3EGRLZ5UPYW2KHD]]"] {
        world.send(&hi(&at(20, &format!("{script} {ONE}"))));
        let answer = world.send(&hi(&at(21, &format!("{script} {OTHER}"))));
        assert_eq!(answer.header("x-tallygate-cache"), "miss", "{script}");
    }
    assert_eq!((known(&world), fated(&world, Purpose::Likeness, Fate::Sent)), (0, 0), "nobody is even asked");
}

#[test]
fn a_caller_waits_for_a_vector_no_longer_than_its_rule_says_and_the_call_goes_on_without() {
    let world = world("mode: enforce, threshold: 97%, timeout: 50ms");
    let script = "[[sim@text-embedding-3-small: delay=1500ms]]";
    learn(&world, &hi(&at(20, &format!("{script} {ONE}"))));
    let began = Instant::now();
    let answer = world.send(&hi(&at(21, &format!("{script} {OTHER}"))));
    assert_eq!(outcome(&answer), "miss");
    assert!(began.elapsed() < Duration::from_millis(1400), "{:?}", began.elapsed());
    until("its own vector comes all the same", || (known(&world) == 2).then_some(()));
    assert_eq!(question(&world, &answer).ending, Ending::Ok, "and is booked");
    // A provider that refuses, a budget without money: the call is as it would be without.
    let script = "[[sim@text-embedding-3-small: status=500]]";
    for words in [ONE, OTHER] {
        let answer = world.send(&hi(&at(20, &format!("{script} {words}"))));
        assert_eq!(outcome(&answer), "miss");
        assert_eq!(question(&world, &answer).ending, Ending::ProviderError);
    }
    assert_eq!(known(&world), 2);
}

#[test]
fn a_limit_or_a_guardrail_holds_for_the_question_too_and_never_stops_its_call() {
    let limits = "- { name: few, each: [key], requests: 2/h }\n".to_owned();
    let world = World::with(Setup { limits, ..setup(ENFORCE) });
    learn(&world, &hi(&at(20, ONE)));
    let refused = world.send(&hi(&at(21, OTHER)));
    assert_eq!(refused.status, 429, "the question counted: {}", refused.text());
    assert_eq!(fated(&world, Purpose::Likeness, Fate::NoRoom), 1);
}

#[test]
fn who_only_watches_gives_nothing_and_finds_out_whether_the_answer_would_have_done() {
    let mut world = world("mode: observe");
    let send = |degrees: usize, words: &str, says: &str| {
        let before = known(&world);
        let answer = world.send(&hi(&at(degrees, &format!("[[sim@gpt-5-mini: say={says}]] {words}"))));
        assert_eq!((outcome(&answer), answer.header("x-tallygate-likeness")), ("miss", ""), "{words}");
        until("it is known", || (known(&world) > before).then_some(()));
        watched(&question(&world, &answer))
    };
    // Scripts are compared as they stand, so each has a world of its own.
    for says in ["Yes.", "No+way."] {
        let first = send(20, ONE, says);
        assert_eq!((&*first.rule, first.likeness, first.agreed), ("faq", None, None), "there was nothing yet");
        let near = send(25, OTHER, says);
        assert_eq!((near.likeness, near.agreed), (Some(996_195), Some(true)), "{near:?}");
        assert!(near.saves > Money::ZERO);
    }
    // The simulated model repeats what it is asked: other words, another answer.
    let echoed = |degrees: usize, words: &str| {
        let answer = learn(&world, &hi(&at(degrees, words)));
        watched(&question(&world, &answer))
    };
    assert_eq!(echoed(20, ONE).likeness, None);
    let (near, further) = (echoed(25, OTHER), echoed(43, "why is that and who can do it"));
    assert_eq!((near.likeness, near.agreed), (Some(996_195), Some(false)));
    assert!(further.likeness.unwrap().abs_diff(951_057) < 3 && further.agreed == Some(false), "18°: {further:?}");
    assert_eq!(
        world.sim.books.entries().iter().filter(|entry| entry.model == "gpt-5-mini").count(),
        7,
        "all were sent"
    );
    world.drain(DEADLINE);
    std::fs::write(world.folder.path().join("tallygate.yaml"), world.config.replace("admin:", "# admin:")).unwrap();
    let report = |format: &str| good(world.folder.path(), &["report", "--likeness", "--format", format]);
    let rows: Value = serde_json::from_str(&report("json")).unwrap();
    let row =
        |threshold: u32| rows.as_array().unwrap().iter().find(|row| row["threshold"] == threshold).unwrap().clone();
    for (threshold, hits, agreed) in
        [(800_000, 4, 2), (950_000, 4, 2), (960_000, 3, 2), (990_000, 3, 2), (1_000_000, 0, 0)]
    {
        let row = row(threshold);
        assert_eq!((&row["watched"], &row["hits"], &row["agreed"]), (&json!(7), &json!(hits), &json!(agreed)), "{row}");
        assert_eq!(row["compared"], json!(hits), "{row}");
    }
    // Wilson's interval of two of three.
    assert!((row(990_000)["agreed_low"].as_f64().unwrap() - 0.2077).abs() < 0.001, "{}", row(990_000));
    assert!((row(990_000)["agreed_high"].as_f64().unwrap() - 0.9385).abs() < 0.001, "{}", row(990_000));
    let table = report("table");
    assert!(table.contains("20.8% to 93.9%") && table.contains("watching faq has cost"), "{table}");
    assert!(report("csv").contains("faq,99.0%,7,3,3,2,20.8%,93.9%,"), "{}", report("csv"));
}

#[test]
fn a_model_is_asked_whether_the_answer_would_have_done() {
    let world = world("judge: { provider: local, model: local-chat }");
    for (number, (word, agreed)) in [("say=SAME", Some(true)), ("say=Both", None)].into_iter().enumerate() {
        let script = format!("[[sim@local-chat: {word}]]");
        learn(&world, &hi(&at(20, &format!("{script} {ONE}"))));
        let answer = learn(&world, &hi(&at(25, &format!("{script} {OTHER}"))));
        assert_eq!(watched(&question(&world, &answer)).agreed, None, "{word}: it is the judge's word");
        let judged = copy_of(&world, &world.row(&answer), Purpose::Judge);
        let found = watched(&judged);
        assert_eq!((found.likeness, found.agreed), (Some(996_195), agreed), "{word}");
        assert!(judged.decided.as_ref().unwrap().verdict.is_none(), "no rule by tasks is meant");
        let asked = crate::guarded::told(&world, &judged);
        assert!(asked.contains(ONE) && asked.contains(OTHER), "both answers and the question: {asked}");
        assert_eq!(fated(&world, Purpose::Judge, Fate::Sent), number as u64 + 1);
    }
}
