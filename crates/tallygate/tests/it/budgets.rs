//! Budgets in money: who is refused, in which words, what is held, and what comes back.

use crate::speak::{CHAT, Manner, ask, error};
use crate::wire::{Answer, Call};
use crate::world::{DEADLINE, Setup, World, document, put_in_force, until};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc;
use tg_kernel::dialect::{Dialect, Family};
use tg_kernel::record::{Ending, Pricing};
use tg_kernel::units::Money;
use tg_policy::admit::budget::PurseView;

pub(crate) fn setup(budgets: &str) -> Setup {
    Setup {
        budgets: budgets.to_owned(),
        teams: "- { name: red, projects: [alpha, beta], environments: [prod, dev], time_zone: Europe/Berlin }\n\
                - { name: blue }\n"
            .to_owned(),
        ..Setup::default()
    }
}

pub(crate) fn world(budgets: &str) -> World {
    World::with(setup(budgets))
}

fn model(dialect: Dialect) -> &'static str {
    match dialect.family() {
        Family::Openai => "on-openai",
        Family::Anthropic => "on-anthropic",
        Family::Bedrock => "on-bedrock",
    }
}

/// A chat of OpenAI's dialect with a bound on its output, at a tier that no provider chooses.
pub(crate) fn bounded(model: &str, output: u64, prompt: &str) -> Call {
    let mut body = json!({"model": model, "max_completion_tokens": output,
        "messages": [{"role": "user", "content": prompt}]});
    // A server of one's own knows no tiers.
    if model != "on-local" {
        body["service_tier"] = "default".into();
    }
    Call::post("/v1/chat/completions", body.to_string()).header("content-type", "application/json")
}

pub(crate) fn purses(world: &World) -> Vec<PurseView> {
    let living = &world.gateway().living;
    living.purses.view(living.clock.now())
}

/// What is spent and held of the only purse, once nothing is under way any more.
pub(crate) fn settled(world: &World) -> Money {
    until("nothing is held", || {
        let purses = purses(world);
        (purses.len() == 1 && purses[0].held == Money::ZERO).then(|| purses[0].spent)
    })
}

pub(crate) fn booked(world: &World) -> Money {
    world.rows().iter().fold(Money::ZERO, |sum, row| sum.plus(row.total_cost().amount))
}

pub(crate) fn code(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.header("x-tallygate-error-code"))
}

/// field.md §14 B 9: retry storms, because an exhausted budget looks like a passing limit. With the official clients:
/// `budget_refused` of `cargo xtask prove matrix`.
#[test]
fn an_exhausted_budget_is_said_in_every_dialect_in_words_that_no_client_repeats() {
    let world = world("- { name: broke, for: { team: red }, amount: 0.000001 USD }\n");
    for dialect in CHAT {
        for manner in [Manner::Plain, Manner::Streamed] {
            let answer = world.send(&ask(dialect, manner, model(dialect), "hi"));
            let (kind, message) = error(dialect, &answer);
            let (status, wanted) = match dialect.family() {
                Family::Openai => (429, "insufficient_quota"),
                Family::Anthropic => (402, "billing_error"),
                Family::Bedrock => (400, "ServiceQuotaExceededException"),
            };
            assert_eq!(code(&answer), (status, "budget_exhausted"), "{dialect:?}: {}", answer.text());
            assert!(kind.contains(wanted) || answer.text().contains(wanted), "{kind}: {}", answer.text());
            assert_eq!(answer.header("retry-after"), "", "{dialect:?}");
            let repeat = if dialect.family() == Family::Bedrock { "" } else { "false" };
            assert_eq!(answer.header("x-should-retry"), repeat, "{dialect:?}");
            for words in ["'broke' is exhausted: 0.000001 USD a month", "are left", "cost up to", "00:00 Europe/Berlin"]
            {
                assert!(message.contains(words), "{words}: {message}");
            }
            let row = world.row(&answer);
            assert_eq!((row.ending, row.fault.as_deref()), (Ending::Refused, Some("budget_exhausted")));
            assert!(row.served.is_none());
        }
    }
    assert!(world.sim.books.entries().is_empty(), "none has left");
    let blue = world.issue(&world.new_key("blue"));
    let call = ask(Dialect::OpenaiChat, Manner::Plain, "on-openai", "hi").bearer(blue.secret.expose());
    assert_eq!(call.send(world.address).status, 200, "the budget is another team's");
}

#[test]
fn what_is_spent_is_what_the_ledger_has_in_every_dialect() {
    let world = world("- { name: wide, amount: 1000 USD }\n");
    for dialect in CHAT {
        for manner in [Manner::Plain, Manner::Streamed] {
            let answer = world.send(&ask(dialect, manner, model(dialect), "[[sim: tokens=100]] count"));
            assert_eq!(answer.status, 200, "{dialect:?}: {}", answer.text());
            world.row(&answer);
            assert_eq!(settled(&world), booked(&world), "{dialect:?} {manner:?}");
        }
    }
    assert!(booked(&world) > Money::ZERO);
}

/// field.md §14 B 8: a hard cap that concurrent calls pass together.
#[test]
fn however_many_come_at_once_no_more_is_spent_than_the_budget_has() {
    // 128 calls of up to 2000 tokens at 2 USD a million: three fit at a time, and more as they end.
    let world = world("- { name: cap, amount: 0.0170 USD }\n");
    let call = world.keyed(&bounded("on-openai", 2_000, "[[sim: tokens=400 delay=1ms]] hi"));
    let passed: usize = std::thread::scope(|scope| {
        let callers: Vec<_> =
            (0..128).map(|_| scope.spawn(|| usize::from(call.send(world.address).status == 200))).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).sum()
    });
    let spent = settled(&world);
    assert!(passed >= 1 && spent <= Money::from_nanos(17_000_000), "{passed} {spent}");
    assert_eq!(world.sim.books.entries().len(), passed);
    // One after the other it is used up to what one call may cost at most.
    while world.send(&bounded("on-openai", 2_000, "[[sim: tokens=400]] hi")).status == 200 {
        settled(&world);
    }
    let spent = settled(&world);
    assert_eq!(spent, booked(&world));
    assert!(spent <= Money::from_nanos(17_000_000) && spent >= Money::from_nanos(8_000_000), "{spent}");
}

#[test]
fn what_a_call_did_not_use_comes_back_however_it_ends() {
    // Room for one call at a time.
    let world = world("- { name: one, amount: 0.0080 USD }\n");
    let slow = bounded("on-openai", 2_000, "[[sim: tokens=40 delay=20ms]] slow");
    for leave in [false, true] {
        let body = json!({"model": "on-openai", "stream": true, "max_completion_tokens": 2_000,
            "service_tier": "default",
            "messages": [{"role": "user", "content": "[[sim: tokens=40 delay=20ms]] slow"}]});
        let call = Call::post("/v1/chat/completions", body.to_string()).header("content-type", "application/json");
        let mut running = world.keyed(&call).open(world.address);
        assert_eq!(running.status, 200);
        running.piece();
        assert_eq!(code(&world.send(&slow)), (429, "budget_exhausted"));
        if leave {
            drop(running);
        } else {
            running.whole();
        }
        settled(&world);
    }
    for prompt in ["[[sim: status=500]]", "[[sim: status=400]]", "[[sim: garbage]]"] {
        assert_ne!(world.send(&bounded("on-openai", 2_000, prompt)).status, 200, "{prompt}");
        settled(&world);
    }
    assert_eq!(world.send(&bounded("on-openai", 2_000, "hi")).status, 200);
    assert_eq!(settled(&world), booked(&world));
}

#[test]
fn a_restart_forgets_nothing_that_was_spent() {
    let mut world = world("- { name: cap, each: [project], amount: 0.0060 USD }\n");
    let call = bounded("on-openai", 2_000, "[[sim: tokens=1500]] much");
    assert_eq!(world.send(&call).status, 200);
    let spent = settled(&world);
    assert!(spent > Money::ZERO);
    world.restart();
    assert_eq!(settled(&world), spent);
    assert_eq!(purses(&world)[0].of, [("project".to_owned(), "red:alpha".to_owned())]);
    assert_eq!(code(&world.send(&call)), (429, "budget_exhausted"));
}

#[test]
fn a_reload_takes_another_amount_at_once_and_reads_what_a_new_budget_has_spent() {
    let world = world("- { name: cap, amount: 0.0060 USD }\n");
    let call = bounded("on-openai", 2_000, "[[sim: tokens=1500]] much");
    assert_eq!(world.send(&call).status, 200);
    let spent = settled(&world);
    let reload = |budgets: &str| {
        let text = document(&setup(budgets), &world.sim, world.folder.path());
        put_in_force(world.gateway(), &text);
    };
    assert_eq!(code(&world.send(&call)), (429, "budget_exhausted"));
    reload("- { name: cap, amount: 1 USD }\n");
    assert_eq!(world.send(&call).status, 200);
    let both = settled(&world);
    assert!(both > spent);
    reload("- { name: other, for: { project: alpha }, amount: 0.0080 USD }\n");
    let view = until("the new one is in force", || purses(&world).into_iter().find(|purse| &*purse.budget == "other"));
    assert_eq!((view.spent, both), (both, booked(&world)));
    assert_eq!(code(&world.send(&call)), (429, "budget_exhausted"));
    reload("");
    assert_eq!(world.send(&call).status, 200);
}

#[test]
fn a_downgrade_goes_to_the_cheaper_model_and_says_so() {
    let world = World::with(Setup {
        models: "- { name: dear, targets: [{ provider: openai, model: gpt-5 }] }\n\
                 - { name: cheap, targets: [{ provider: openai, model: gpt-5-nano }] }\n"
            .to_owned(),
        ..setup("- { name: thrift, for: { team: red }, amount: 0.0050 USD, on_exhausted: { downgrade: cheap } }\n")
    });
    let answer = world.send(&bounded("dear", 1_000, "[[sim: tokens=100]] hi"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("x-tallygate-downgraded"), "budget=thrift");
    assert_eq!(answer.header("x-tallygate-model"), "gpt-5-nano");
    let row = world.row(&answer);
    assert_eq!((&*row.asked.model, &*row.served.unwrap().model), ("dear", "gpt-5-nano"));
    let refused = world.send(&bounded("dear", 100_000, "hi"));
    assert_eq!(code(&refused), (429, "budget_exhausted"), "too dear for that one as well: {}", refused.text());
}

#[test]
fn a_soft_budget_lets_calls_pass_and_counts_them() {
    let world = world("- { name: soft, amount: 0.000001 USD, on_exhausted: allow_and_alert }\n");
    for _ in 0..3 {
        assert_eq!(world.send(&bounded("on-openai", 10, "hi")).status, 200);
    }
    assert!(settled(&world) > Money::from_nanos(1_000));
    let living = &world.gateway().living;
    let figures = living.purses.figures(living.clock.now());
    assert_eq!((figures[0].refused, figures[0].amount), (3, Money::from_nanos(1_000)));
    assert_eq!(world.send(&bounded("on-local", 10, "hi")).status, 200, "also where no price is known");
}

#[test]
fn what_has_no_known_price_is_not_let_past_a_hard_budget() {
    let world = world("- { name: hard, amount: 1000 USD }\n");
    let refused = world.send(&bounded("on-local", 10, "hi"));
    assert_eq!(code(&refused), (403, "price_unknown"), "{}", refused.text());
    assert!(world.sim.books.entries().is_empty());
    let priced = World::with(Setup {
        pricing: "{ unknown_price: ceiling, ceiling: { input: 20.00 USD per 1M tokens, \
                  output: 100.00 USD per 1M tokens } }"
            .to_owned(),
        ..setup("- { name: hard, amount: 0.1 USD }\n")
    });
    let answer = priced.send(&bounded("on-local", 500, "hi"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(priced.row(&answer).cost.pricing, Pricing::Ceiling);
    assert_eq!(code(&priced.send(&bounded("on-local", 1_000, "hi"))), (429, "budget_exhausted"));
}

#[test]
fn tries_at_several_targets_are_paid_for_together_or_not_made() {
    let world = World::with(Setup {
        models: "- { name: either, targets: [{ provider: openai, model: gpt-5-mini }, \
                 { provider: anthropic, model: claude-haiku-4-5 }] }\n"
            .to_owned(),
        timeouts: "{ first_byte: 300ms }".to_owned(),
        ..setup("- { name: cap, amount: 1 USD }\n")
    });
    let answer = world.send(&bounded("either", 100, "[[sim: hang_before_head times=1]] hi"));
    let row = world.row(&answer);
    assert_eq!((row.earlier.len(), answer.status), (1, 200), "{row:?}");
    assert!(row.earlier[0].cost.amount > Money::ZERO, "the first may be billed");
    assert_eq!(settled(&world), row.total_cost().amount, "{row:?}");
}

#[test]
fn a_target_that_is_too_dear_for_what_is_left_is_passed_over_and_hides_no_fault_of_another() {
    let prompt = format!("[[sim: hang_before_head]] {}", "word ".repeat(2_000));
    let body = json!({"model": "either", "max_completion_tokens": 1_000, "service_tier": "default",
        "messages": [{"role": "user", "content": prompt}]})
    .to_string();
    // What the dearest can cost, and a little more: less than that beside the input of a try before it.
    let nanos = (body.len() + 2_000) * 250 + 1_000 * 2_000 + 60_000;
    let world = World::with(Setup {
        models: "- { name: either, targets: [{ provider: openai, model: gpt-5-nano }, \
                 { provider: openai, model: gpt-5-mini }, { provider: openai, model: gpt-4.1-nano }] }\n"
            .to_owned(),
        timeouts: "{ first_byte: 300ms }".to_owned(),
        ..setup(&format!("- {{ name: cap, amount: 0.{nanos:09} USD }}\n"))
    });
    let answer = world.send(&Call::post("/v1/chat/completions", body).header("content-type", "application/json"));
    assert_eq!(code(&answer).1, "first_byte_timeout", "it hears of the provider: {}", answer.text());
    let row = world.row(&answer);
    let asked = row.earlier.iter().map(|attempt| &attempt.served).chain(&row.served).map(|served| &*served.model);
    assert_eq!(asked.collect::<Vec<_>>(), ["gpt-5-nano", "gpt-4.1-nano"]);
}

#[test]
fn a_call_whose_tier_the_provider_may_choose_is_held_at_the_dearest() {
    let world = world("- { name: cap, amount: 0.0060 USD }\n");
    let body = |tier: &str| {
        json!({"model": "on-openai", "max_completion_tokens": 2_000, "service_tier": tier,
            "messages": [{"role": "user", "content": "hi"}]})
    };
    let send = |tier: &str| {
        let call = Call::post("/v1/chat/completions", body(tier).to_string());
        world.send(&call.header("content-type", "application/json"))
    };
    assert_eq!(code(&send("auto")), (429, "budget_exhausted"), "it may come back as priority");
    assert_eq!(send("default").status, 200);
}

#[test]
fn a_count_of_tokens_costs_nothing_and_is_not_held_up() {
    let world = world("- { name: broke, amount: 0.000001 USD }\n");
    let count = json!({"model": "on-anthropic", "messages": [{"role": "user", "content": "hi"}]}).to_string();
    let count = Call::post("/v1/messages/count_tokens", count).header("anthropic-version", "2023-06-01");
    assert_eq!(world.send(&count).status, 200);
}

#[test]
fn several_answers_and_pictures_are_held_for() {
    let world = world("- { name: cap, amount: 0.0300 USD }\n");
    let body = |n: u64| {
        json!({"model": "on-openai", "n": n, "max_completion_tokens": 5_000, "service_tier": "default",
        "messages": [{"role": "user", "content": "hi"}]})
    };
    let call = |body: serde_json::Value| {
        let call = Call::post("/v1/chat/completions", body.to_string()).header("content-type", "application/json");
        world.send(&call)
    };
    let refused = call(body(4));
    assert_eq!(code(&refused), (429, "budget_exhausted"), "four times 5000 at 2 USD a million");
    let message = error(Dialect::OpenaiChat, &refused).1;
    let fits: u64 = message.split("a bound of ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    let fitting = |output: u64| {
        let mut body = body(4);
        body["max_completion_tokens"] = json!(output);
        call(body).status
    };
    assert_eq!(fitting(fits + 1), 429, "{message}");
    assert_ne!(fitting(fits), 429, "it leaves, whatever the provider thinks of it: {message}");
    settled(&world);
    let picture = json!([{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}]);
    let seen = json!({"model": "on-openai", "max_completion_tokens": 10, "service_tier": "default",
        "messages": [{"role": "user", "content": picture}]});
    assert_eq!(code(&call(seen)), (429, "budget_exhausted"), "as much as the model can read");
    assert_eq!(call(body(1)).status, 200);
}

/// An address that takes notices, but for the first time: what it is sent, as headers and body.
pub(crate) fn listener() -> (String, mpsc::Receiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (told, heard) = mpsc::channel();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
                head.push_str(&line);
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let status = if number == 0 { "503 Service Unavailable" } else { "204 No Content" };
            write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
            if told.send((head, String::from_utf8(body).unwrap())).is_err() {
                return;
            }
        }
    });
    (url, heard)
}

#[test]
fn notices_are_signed_tried_again_and_told_once_also_over_a_restart() {
    let (url, heard) = listener();
    let mut world = World::with(Setup {
        webhooks: format!("  - {{ url: '{url}', secret: 'env:SIM_KEY' }}\n"),
        ..setup("- { name: cap, for: { team: red }, amount: 0.0070 USD, warn_at: [40%] }\n")
    });
    let call = bounded("on-openai", 2_000, "[[sim: tokens=1500]] much");
    assert_eq!(world.send(&call).status, 200);
    let refused = heard.recv_timeout(DEADLINE).unwrap();
    let (head, body) = heard.recv_timeout(DEADLINE).unwrap();
    assert_eq!(refused.1, body, "the same notice again");
    let head = head.to_ascii_lowercase();
    assert!(head.contains("x-tallygate-signature: t=1") || head.contains("x-tallygate-signature: t=2"), "{head}");
    assert!(head.contains(",v1="), "{head}");
    let notice: Value = serde_json::from_str(&body).unwrap();
    let spent = settled(&world).to_string();
    let shown = |name: &str| notice[name].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        (shown("event"), shown("budget"), &notice["share_percent"]),
        ("budget.spent".into(), "cap".into(), &json!(40))
    );
    assert_eq!((shown("amount_usd"), shown("spent_usd")), ("0.007".into(), spent));
    world.restart();
    settled(&world);
    assert_eq!(world.send(&bounded("on-openai", 3_000, "hi")).status, 429);
    let (_, body) = heard.recv_timeout(DEADLINE).unwrap();
    let next: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(next["event"], "budget.exhausted", "the share that was reached before is not told again: {body}");
}
