//! What goes on beneath a call that services are asked about meanwhile: further tries, the cache, copies, and what is only
//! counted.

use crate::beside::{ALLOW, BLOCK, ask, beside, done, is_booked_as_stopped, is_refused, world_of};
use crate::booked::Written;
use crate::mirror::copy_of;
use crate::speak::{self, CHAT, MANNERS, Manner, hear};
use crate::world::{Setup, until};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;
use tg_kernel::decided::Purpose;
use tg_kernel::dialect::Dialect;
use tg_kernel::guarded::Action as Done;
use tg_kernel::record::{Ending, Record};
use tg_kernel::units::Money;
use tg_policy::admit::Mode;
use tg_policy::guard::{Action, Rule, WhenAway};

fn block() -> Rule {
    beside(Action::Block, WhenAway::Block)
}

/// The providers and fates of all tries of a call, the last one first.
fn tries(row: &Record) -> Vec<(&str, &str)> {
    let last = row.served.iter().map(|served| (&*served.provider, ""));
    last.chain(row.earlier.iter().map(|of| (&*of.served.provider, &*of.fault))).collect()
}

#[test]
fn further_tries_go_on_meanwhile_and_each_is_booked_once() {
    let targets = "[{ provider: openai, model: gpt-5-mini }, { provider: anthropic, model: claude-haiku-4-5 }]";
    let models = format!("- {{ name: either, targets: {targets} }}\n");
    let resilience = "{ breaker: { enabled: false } }".to_owned();
    let (world, service) = world_of(block(), Setup { models, resilience, ..Setup::default() }, "15s");
    let books = world.sim.books.clone();
    service.judges(move |text| {
        until("the second is asked", || {
            // In this order: what is open when the first has ended is the second.
            (books.last().is_some_and(|it| it.status == 500) && books.open() > 0).then_some(())
        });
        (200, if text.contains("forbidden") { BLOCK } else { ALLOW })
    });
    for manner in MANNERS {
        for dialect in CHAT {
            let place = format!("{dialect:?} {manner:?}");
            let script = "[[sim@gpt-5-mini: status=500]] [[sim@claude-haiku-4-5: ttft=200ms]]";
            let fine = world.send(&ask(dialect, manner, "either", &format!("hello {script}")));
            assert!(hear(dialect, manner, &fine).ended, "{place}: {}", fine.text());
            assert_eq!(tries(&world.row(&fine)), [("anthropic", ""), ("openai", "upstream_error")], "{place}");
            let script = "[[sim@gpt-5-mini: status=500]] [[sim@claude-haiku-4-5: hang_before_head]]";
            let stopped = world.send(&ask(dialect, manner, "either", &format!("forbidden {script}")));
            is_refused(dialect, manner, &stopped);
            let row = is_booked_as_stopped(&world, &stopped);
            assert_eq!(tries(&row), [("anthropic", ""), ("openai", "upstream_error")], "{place}");
            until("all is given up", || (world.sim.books.open() == 0).then_some(()));
        }
    }
    assert_eq!(world.finish().len(), 4 * CHAT.len());
}

#[test]
fn two_tries_at_once_are_both_given_up() {
    let targets = "[{ provider: openai, model: gpt-5-mini }, { provider: anthropic, model: claude-haiku-4-5 }]";
    let hedge = "{ after: 50ms, share_max: 100% }";
    let models = format!("- {{ name: either, targets: {targets}, hedge: {hedge} }}\n");
    let resilience = "{ retry_share: 100%, breaker: { enabled: false } }".to_owned();
    let (world, service) = world_of(block(), Setup { models, resilience, ..Setup::default() }, "15s");
    let books = world.sim.books.clone();
    service.judges(move |_| {
        until("both are under way", || (books.open() == 2).then_some(()));
        (200, BLOCK)
    });
    for manner in MANNERS {
        let call = ask(Dialect::OpenaiChat, manner, "either", "hello [[sim: hang_before_head]]");
        let stopped = world.send(&call);
        is_refused(Dialect::OpenaiChat, manner, &stopped);
        until("both are given up", || (world.sim.books.open() == 0).then_some(()));
        let row = is_booked_as_stopped(&world, &stopped);
        assert_eq!(tries(&row), [("anthropic", ""), ("openai", "hedge_lost")], "{manner:?}");
        assert!(row.earlier[0].cost.amount > Money::ZERO, "{row:?}");
    }
    assert_eq!(world.finish().len(), 2);
}

#[test]
fn what_is_stopped_is_not_kept_and_what_was_kept_is_given_only_to_whom_it_may_be() {
    let cache = "{ rules: [{ name: all, ttl: 1h, only_deterministic: false }] }".to_owned();
    let (world, service) = world_of(block(), Setup { cache, ..Setup::default() }, "15s");
    let stops = Arc::new(AtomicBool::new(true));
    let own = Arc::clone(&stops);
    service.judges(move |_| (200, if own.load(Ordering::SeqCst) { BLOCK } else { ALLOW }));
    for manner in MANNERS {
        let dialect = Dialect::AnthropicMessages;
        let call = ask(dialect, manner, "on-anthropic", &format!("{manner:?}, what a day"));
        let send = |is_stopped| {
            stops.store(is_stopped, Ordering::SeqCst);
            world.send(&call)
        };
        is_refused(dialect, manner, &send(true));
        let outcomes = [send(false), send(false)].map(|answer| answer.header("x-tallygate-cache").to_owned());
        assert_eq!(outcomes, ["miss", "hit"], "{manner:?}");
        let asked = service.asked().len();
        let stopped = send(true);
        is_refused(dialect, manner, &stopped);
        assert_eq!(service.asked().len(), asked + 1);
        let row = world.row(&stopped);
        assert_eq!((row.ending, row.cost.amount), (Ending::Refused, Money::ZERO), "nothing was sent: {row:?}");
        assert!(row.decided.is_none_or(|decided| decided.cache.is_none()), "nothing is saved by it");
    }
}

#[test]
fn what_was_kept_saves_nothing_where_nobody_has_waited_for_it() {
    let cache = "{ rules: [{ name: all, ttl: 1h, only_deterministic: false }] }".to_owned();
    let (world, service) = world_of(block(), Setup { cache, ..Setup::default() }, "30s");
    let hangs = Arc::new(AtomicBool::new(false));
    let (own, forever) = (Arc::clone(&hangs), Mutex::new(channel::<()>()));
    service.judges(move |_| {
        if own.load(Ordering::SeqCst) {
            let _ = forever.lock().unwrap().1.recv();
        }
        (200, ALLOW)
    });
    let call = ask(Dialect::AnthropicMessages, Manner::Plain, "on-anthropic", "what a day");
    let outcomes = [(); 2].map(|()| world.send(&call).header("x-tallygate-cache").to_owned());
    assert_eq!(outcomes, ["miss", "hit"]);
    hangs.store(true, Ordering::SeqCst);
    let exchange = world.keyed(&call).launch(world.address);
    until("the service is asked", || (service.asked().len() == 3).then_some(()));
    exchange.leave();
    let rows = until("its row", || Some(world.rows()).filter(|rows| rows.len() == 3));
    let row = rows.iter().find(|row| row.ending == Ending::ClientGone).unwrap();
    assert!(row.decided.as_ref().is_none_or(|decided| decided.cache.is_none()), "{row:?}");
    let reused = |row: &&Record| row.decided.as_ref().is_some_and(|decided| decided.cache.is_some());
    assert_eq!(rows.iter().filter(reused).count(), 2);
}

#[test]
fn a_copy_goes_out_when_the_call_was_cleared_and_of_no_other() {
    let models = "- name: watched\n  targets: [{ provider: openai, model: gpt-5-mini }]\n\
                  \x20 mirror: { provider: anthropic, model: claude-haiku-4-5, share: 100% }\n";
    let rule = beside(Action::Annotate, WhenAway::Block);
    let (world, service) = world_of(rule, Setup { models: models.to_owned(), ..Setup::default() }, "15s");
    let books = world.sim.books.clone();
    service.judges(move |text| match text.contains("away") {
        true => (500, "{}"),
        false => {
            assert_eq!(books.entries().iter().filter(|entry| entry.model == "claude-haiku-4-5").count(), 0);
            (200, BLOCK)
        }
    });
    let call = |prompt| ask(Dialect::OpenaiChat, Manner::Plain, "watched", prompt);
    let row = world.row(&world.send(&call("hello")));
    let copy = copy_of(&world, &row, Purpose::Mirror);
    let told = [("house-rules".to_owned(), Done::Annotated)];
    assert_eq!((done(&row), done(&copy)), (told.to_vec(), told.to_vec()), "what is known of the request goes along");
    assert_eq!(world.finish().len(), 2);
}

#[test]
fn no_copy_goes_out_of_a_call_that_is_stopped() {
    let models = "- name: watched\n  targets: [{ provider: openai, model: gpt-5-mini }]\n\
                  \x20 mirror: { provider: anthropic, model: claude-haiku-4-5, share: 100% }\n";
    let (world, service) = world_of(block(), Setup { models: models.to_owned(), ..Setup::default() }, "15s");
    let books = world.sim.books.clone();
    service.judges(move |_| {
        until("the provider has answered", || books.last());
        (200, BLOCK)
    });
    for manner in MANNERS {
        let stopped = world.send(&ask(Dialect::OpenaiChat, manner, "watched", "hello"));
        is_refused(Dialect::OpenaiChat, manner, &stopped);
    }
    assert_eq!(world.finish().len(), 2);
}

#[test]
fn nobody_waits_for_what_is_only_counted_but_the_row() {
    let rule = Rule { mode: Mode::Observe, ..block() };
    let (world, service) = world_of(rule, Setup::default(), "15s");
    let (tell, go) = channel();
    let go = Mutex::new(go);
    service.judges(move |_| (200, go.lock().unwrap().recv().unwrap()));
    for dialect in CHAT {
        for manner in MANNERS {
            // Also where its provider may keep the answer: nothing is kept back.
            let answer = world.send(&speak::ask(dialect, manner, "on-anthropic", "hello"));
            assert!(hear(dialect, manner, &answer).ended, "{dialect:?} {manner:?}: {}", answer.text());
            assert_eq!(answer.header("x-tallygate-guardrail"), "");
            tell.send(BLOCK).unwrap();
            let row = world.row(&answer);
            let told = vec![("house-rules".to_owned(), Done::Observed)];
            assert_eq!((row.ending, done(&row)), (Ending::Ok, told), "{dialect:?} {manner:?}");
        }
    }
}

#[test]
fn a_gateway_that_ends_books_what_nobody_has_heard_as_unanswered() {
    let rule = Rule { mode: Mode::Observe, ..block() };
    let (mut world, service) = world_of(rule, Setup::default(), "30s");
    let forever = Mutex::new(channel::<()>());
    service.judges(move |_| {
        let _ = forever.lock().unwrap().1.recv();
        (200, ALLOW)
    });
    let answer = world.send(&ask(Dialect::OpenaiChat, Manner::Plain, "on-openai", "hello"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    until("the service is asked", || (!service.asked().is_empty()).then_some(()));
    // Of that a row is made if nothing else comes.
    Written::with(world.folder.path(), "\"unanswered\"");
    assert!(world.rows().is_empty(), "the row waits");
    world.drain(Duration::from_millis(50));
    let rows = world.rows();
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].ending, done(&rows[0])), (Ending::Ok, vec![("unanswered".to_owned(), Done::Unanswered)]));
    assert!(rows[0].usage.input_tokens > 0 && rows[0].cost.amount > Money::ZERO, "{rows:?}");
}

#[test]
fn what_is_no_chat_is_kept_back_and_stopped_alike() {
    let models = "- { name: vectors, targets: [{ provider: openai, model: text-embedding-3-small }] }\n".to_owned();
    let (world, service) = world_of(block(), Setup { models, ..Setup::default() }, "15s");
    let (books, own) = (world.sim.books.clone(), service.clone());
    service.judges(move |text| {
        // A vector is made so quickly that its call may be over.
        let has_left = || books.open() > 0 || books.entries().len() >= own.asked().len();
        until("the call has left", || has_left().then_some(()));
        (200, if text.contains("forbidden") { BLOCK } else { ALLOW })
    });
    let call = |prompt: &str| world.send(&ask(Dialect::OpenaiEmbeddings, Manner::Plain, "vectors", prompt));
    let fine = call("hello");
    assert!(fine.status == 200 && fine.json()["data"][0]["embedding"].is_array(), "{}", fine.text());
    let stopped = call("forbidden");
    is_refused(Dialect::OpenaiChat, Manner::Plain, &stopped);
    is_booked_as_stopped(&world, &stopped);
}
