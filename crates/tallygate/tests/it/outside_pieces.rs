//! Streams that services outside judge piece by piece: what they let go leaves while the rest is made, and no more than that.

use crate::beside::{ALLOW, Service, world_of};
use crate::guarded::{house, rule};
use crate::guarded_answers::reason;
use crate::outside::outside;
use crate::speak::{CHAT, Heard, Manner, ask, each_dialect, echo, hear};
use crate::wire::{Answer, Call, Exchange};
use crate::world::{Setup, World};
use http::HeaderMap;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;
use tg_kernel::dialect::Dialect;
use tg_kernel::guarded::{Action as Done, Said, Verdict};
use tg_kernel::record::{Ending, Record};
use tg_policy::admit::Mode;
use tg_policy::guard::{Action, Channels, Check, On, Rule, Style, WhenAway};

const HOOK: &str = "- { name: hook, kind: webhook, url: 'HOOK_URL/check', secret: 'env:HOOK_SECRET', remember: 'off' }\n\
     - { name: gone, kind: moderation, provider: dead }\n";

/// A rule that has answers judged so many characters at a time.
pub(crate) fn in_pieces(service: &str, pieces: usize, action: Action) -> Rule {
    Rule { pieces: Some(pieces), ..outside(service, action, On::Output) }
}

fn world(rules: Vec<Rule>) -> World {
    World::with(Setup { guards: vec![house(rules)], services: HOOK.to_owned(), ..Setup::default() })
}

/// Prose of so many characters.
pub(crate) fn prose(characters: usize) -> String {
    "all is well with the ship and its crew, ".chars().cycle().take(characters).collect()
}

/// A call whose streamed answer is this, once, four characters at a time, and what is to become of it further.
pub(crate) fn repeats(dialect: Dialect, prompt: &str, script: &str) -> (Call, String) {
    let tokens = format!("echo: {prompt}").len().div_ceil(4);
    let call =
        ask(dialect, Manner::Streamed, "on-anthropic", &format!("{prompt} [[sim: tokens={tokens} chunk=1 {script}]]"));
    (call, echo(prompt, tokens))
}

/// What a caller has understood of the beginning of an answer.
pub(crate) fn so_far(dialect: Dialect, body: &[u8]) -> Heard {
    let (headers, trailers) = (HeaderMap::new(), HeaderMap::new());
    hear(dialect, Manner::Streamed, &Answer { status: 200, headers, body: body.to_vec(), trailers, clean: false })
}

/// Reads until so many characters of text are there.
fn read(dialect: Dialect, exchange: &mut Exchange, characters: usize) -> Vec<u8> {
    let mut body = Vec::new();
    while so_far(dialect, &body).text.len() < characters {
        body.extend(exchange.piece().unwrap_or_else(|| panic!("{dialect:?}: {:?}", so_far(dialect, &body))));
    }
    body
}

pub(crate) fn questions(row: &Record) -> (Said, u32) {
    let [asked] = row.guarded.as_ref().unwrap().services.as_slice() else { panic!("{row:?}") };
    assert!(asked.micros > 0, "{row:?}");
    (asked.verdict, asked.questions)
}

#[test]
fn what_is_judged_leaves_before_the_answer_has_ended() {
    let world = world(vec![in_pieces("hook", 200, Action::Block)]);
    for dialect in CHAT {
        let (call, whole) = repeats(dialect, &prose(2_000), "hang_after=250");
        let mut exchange = world.keyed(&call).open(world.address);
        // Its provider says a thousand characters, and then nothing until it is left.
        let body = read(dialect, &mut exchange, 800);
        assert!(whole.starts_with(&so_far(dialect, &body).text), "{dialect:?}");
        assert_eq!(world.sim.books.open(), 1, "{dialect:?}: its provider has not ended");
        exchange.leave();
        crate::world::until("the provider is left", || (world.sim.books.open() == 0).then_some(()));
    }
    assert!(world.sim.hook.asked().len() >= 4 * CHAT.len());
}

#[test]
fn an_answer_that_nobody_objects_to_is_what_it_would_have_been() {
    let (plain, guarded) = (World::start(), world(vec![in_pieces("hook", 200, Action::Redact(Style::Tag))]));
    each_dialect(|dialect| {
        let (call, whole) = repeats(dialect, &prose(1_500), "");
        let said = hear(dialect, Manner::Streamed, &guarded.send(&call));
        assert_eq!(said, hear(dialect, Manner::Streamed, &plain.send(&call)), "{dialect:?}");
        assert!(said.ended && said.text == whole, "{dialect:?}: {said:?}");
    });
}

#[test]
fn what_is_stopped_in_the_third_piece_ends_the_answer_behind_the_first_two() {
    let world = world(vec![in_pieces("hook", 200, Action::Block)]);
    each_dialect(|dialect| {
        let (call, whole) = repeats(dialect, &format!("{} forbidden, and {}", prose(450), prose(2_000)), "");
        let answer = world.send(&call);
        let heard = hear(dialect, Manner::Streamed, &answer);
        assert_eq!((answer.status, answer.clean, &heard.error), (200, true, &None), "{dialect:?}: {}", answer.text());
        assert!(whole.starts_with(&heard.text), "{dialect:?}: {}", heard.text);
        assert!((400..456).contains(&heard.text.len()), "{dialect:?}: {}", heard.text.len());
        let wanted = match dialect {
            Dialect::OpenaiChat | Dialect::OpenaiResponses => "content_filter",
            Dialect::BedrockConverse => "guardrail_intervened",
            _ => "refusal",
        };
        assert_eq!(reason(dialect, Manner::Streamed, &answer), wanted, "{dialect:?}: {}", answer.text());
        let row = world.row(&answer);
        assert_eq!((row.ending, row.fault.as_deref()), (Ending::Truncated, Some("content_blocked")), "{dialect:?}");
        assert_eq!(questions(&row), (Said::Flagged, 3), "{dialect:?}");
        assert_eq!(row.guarded.unwrap().verdict, Verdict::Blocked, "{dialect:?}");
    });
}

#[test]
fn an_answer_that_is_stopped_in_its_first_piece_is_told_as_one_that_is_stopped_whole() {
    let message = Some("Ask somebody else.".into());
    let world = world(vec![Rule { message, ..in_pieces("hook", 200, Action::Block) }]);
    for dialect in CHAT.into_iter().filter(|dialect| *dialect != Dialect::BedrockInvoke) {
        let (call, _) = repeats(dialect, &format!("forbidden {}", prose(900)), "");
        let heard = hear(dialect, Manner::Streamed, &world.send(&call));
        assert_eq!((&*heard.text, heard.error), ("Ask somebody else.", None), "{dialect:?}");
    }
}

#[test]
fn what_stands_across_a_border_is_seen() {
    let world = world(vec![in_pieces("hook", 200, Action::Block)]);
    for dialect in CHAT {
        // The first piece ends behind `forbid`.
        let (call, whole) = repeats(dialect, &format!("{}forbidden, and {}", prose(188), prose(900)), "");
        let answer = world.send(&call);
        let heard = hear(dialect, Manner::Streamed, &answer);
        assert_eq!(heard.text, whole[..200], "{dialect:?}");
        assert_eq!(world.row(&answer).fault.as_deref(), Some("content_blocked"), "{dialect:?}");
        let asked = world.sim.hook.asked().pop().unwrap().text;
        assert!(asked.starts_with("echo: all") && asked.contains("forbidden, and"), "{dialect:?}: {asked}");
    }
}

#[test]
fn a_service_changes_what_is_new() {
    let world = world(vec![in_pieces("hook", 200, Action::Redact(Style::Tag))]);
    each_dialect(|dialect| {
        let prompt = format!("{} mask-me, {} mask-me and mask-me, {}", prose(301), prose(230), prose(500));
        let (call, whole) = repeats(dialect, &prompt, "");
        let answer = world.send(&call);
        let heard = hear(dialect, Manner::Streamed, &answer);
        assert!(heard.ended && heard.error.is_none(), "{dialect:?}: {heard:?}");
        assert_eq!(heard.text, whole.replace("mask-me", "[gone]"), "{dialect:?}");
        assert!(!answer.text().contains("mask-me"), "{dialect:?}: nor where it is repeated: {}", answer.text());
        let row = world.row(&answer);
        assert_eq!((row.ending, row.guarded.as_ref().unwrap().verdict), (Ending::Ok, Verdict::Changed), "{dialect:?}");
        assert_eq!(questions(&row), (Said::Flagged, 6), "{dialect:?}");
    });
}

#[test]
fn a_service_that_would_change_what_has_left_ends_the_answer() {
    let world = world(vec![in_pieces("hook", 200, Action::Redact(Style::Tag))]);
    each_dialect(|dialect| {
        // The first piece ends behind `mask`.
        let (call, whole) = repeats(dialect, &format!("{}mask-me, and {}", prose(190), prose(900)), "");
        let answer = world.send(&call);
        let heard = hear(dialect, Manner::Streamed, &answer);
        assert_eq!((heard.text.as_str(), heard.error), (&whole[..200], None), "{dialect:?}");
        let row = world.row(&answer);
        assert_eq!((row.ending, row.fault.as_deref()), (Ending::Truncated, Some("content_blocked")), "{dialect:?}");
        let hits = row.guarded.unwrap().hits;
        let done: Vec<_> = hits.iter().map(|hit| (&*hit.rule, hit.action)).collect();
        assert_eq!(done, [("hook", Done::Blocked)], "{dialect:?}: nothing was taken out of what anybody has: {hits:?}");
    });
}

#[test]
fn a_service_that_is_away_stops_the_answer_where_it_is_or_is_told_of() {
    for when_away in [WhenAway::Block, WhenAway::Allow] {
        let check = Check::External { service: "own".into(), when_away, beside: false };
        let (world, service) =
            world_of(Rule { check, ..in_pieces("own", 200, Action::Block) }, Setup::default(), "15s");
        service.judges(|text| if text.contains("late now") { (500, "") } else { (200, ALLOW) });
        for dialect in CHAT {
            let (call, whole) = repeats(dialect, &format!("{} late now, and {}", prose(450), prose(300)), "");
            let answer = world.send(&call);
            let heard = hear(dialect, Manner::Streamed, &answer);
            let row = world.row(&answer);
            let hits = row.guarded.unwrap().hits;
            let done: Vec<_> = hits.iter().map(|hit| (&*hit.found, hit.action)).collect();
            if when_away == WhenAway::Block {
                assert!(
                    (400..456).contains(&heard.text.len()) && whole.starts_with(&heard.text),
                    "{dialect:?}: {heard:?}"
                );
                assert_eq!(
                    (row.fault.as_deref(), &*done),
                    (Some("content_blocked"), &[("unanswered", Done::Blocked)][..])
                );
            } else {
                assert!(heard.ended && heard.text == whole, "{dialect:?}: {heard:?}");
                assert_eq!((row.ending, &*done), (Ending::Ok, &[("unanswered", Done::Unanswered)][..]));
            }
        }
    }
}

#[test]
fn a_service_that_is_never_there_lets_nothing_begin() {
    let world = world(vec![in_pieces("gone", 200, Action::Block)]);
    for dialect in CHAT {
        let answer = world.send(&repeats(dialect, &prose(900), "").0);
        assert!(!answer.text().contains("ship"), "{dialect:?}: {}", answer.text());
        assert_eq!(world.row(&answer).fault.as_deref(), Some("content_blocked"), "{dialect:?}");
    }
}

/// A service that lets two pieces go, and from there on says what it is told to say.
fn hesitant(service: &Service) -> (Receiver<()>, Sender<()>) {
    let ((waits, asked), (tell, go)) = (channel(), channel());
    let (go, count) = (Mutex::new(go), Mutex::new(0));
    service.judges(move |_| {
        let nth = {
            let mut count = count.lock().unwrap();
            *count += 1;
            *count
        };
        // Who asks no more is told nothing.
        if nth == 3 && (waits.send(()).is_err() || go.lock().unwrap().recv().is_err()) {
            return (500, "");
        }
        (200, ALLOW)
    });
    (asked, tell)
}

pub(crate) fn hesitating() -> (World, Receiver<()>, Sender<()>) {
    let setup = Setup { streams: "{ keepalive: 20ms }".to_owned(), ..Setup::default() };
    let (world, service) = world_of(in_pieces("own", 200, Action::Block), setup, "15s");
    let (asked, tell) = hesitant(&service);
    (world, asked, tell)
}

/// The answer up to signs of life while the third piece is judged.
pub(crate) fn until_signs(world: &World, asked: &Receiver<()>, (call, whole): (&Call, &str)) -> (Exchange, Vec<u8>) {
    let dialect = Dialect::AnthropicMessages;
    let mut exchange = world.keyed(call).open(world.address);
    let mut body = read(dialect, &mut exchange, 400);
    asked.recv().unwrap();
    let signs = |body: &[u8]| String::from_utf8_lossy(body).matches(": keepalive").count();
    let before = signs(&body);
    while signs(&body) < before + 5 {
        body.extend(exchange.piece().unwrap());
    }
    assert_eq!(so_far(dialect, &body).text, whole[..400]);
    (exchange, body)
}

#[test]
fn a_caller_sees_signs_of_life_while_a_piece_is_judged_and_its_provider_is_not_read_without_end() {
    let (world, asked, tell) = hesitating();
    let (call, whole) = repeats(Dialect::AnthropicMessages, &prose(3_500), "");
    let (exchange, mut body) = until_signs(&world, &asked, (&call, &whole));
    tell.send(()).unwrap();
    let rest = exchange.whole();
    body.extend(&rest.body);
    let heard = so_far(Dialect::AnthropicMessages, &body);
    assert!(rest.clean && heard.ended && heard.text == whole, "{heard:?}");
}

#[test]
fn a_gateway_that_is_stopped_lets_nothing_unjudged_go() {
    let (mut world, asked, tell) = hesitating();
    let (call, whole) = repeats(Dialect::AnthropicMessages, &prose(3_500), "");
    let (exchange, mut body) = until_signs(&world, &asked, (&call, &whole));
    world.drain(Duration::from_millis(50));
    body.extend(exchange.whole().body);
    let heard = so_far(Dialect::AnthropicMessages, &body);
    assert_eq!(heard.text, whole[..400]);
    assert!(heard.error.is_some() && !heard.ended, "{heard:?}");
    drop(tell);
}

#[test]
fn a_caller_who_leaves_while_a_piece_is_judged_is_booked() {
    let (world, asked, tell) = hesitating();
    let (call, whole) = repeats(Dialect::AnthropicMessages, &prose(3_500), "");
    let (exchange, _) = until_signs(&world, &asked, (&call, &whole));
    exchange.leave();
    let row = crate::world::until("the call is booked", || world.rows().pop());
    assert_eq!(row.ending, Ending::ClientGone);
    assert_eq!(questions(&row), (Said::Clear, 2), "what came of the third is not known");
    drop(tell);
}

#[test]
fn the_fewest_characters_hold_and_none_where_a_rule_in_force_wants_the_whole() {
    let whole = |rules: Vec<Rule>| {
        let world = world(rules);
        let answer = world.send(&repeats(Dialect::OpenaiChat, &prose(1_000), "").0);
        assert!(hear(Dialect::OpenaiChat, Manner::Streamed, &answer).ended, "{}", answer.text());
        world.sim.hook.asked().iter().map(|asked| asked.text.len()).collect::<Vec<_>>()
    };
    let named = |name: &str, rule: Rule| Rule { name: name.into(), ..rule };
    let pieces = |name, characters| named(name, in_pieces("hook", characters, Action::Block));
    let at_once = named("whole", outside("hook", Action::Block, On::Output));
    let all = echo(&prose(1_000), 252).len();
    assert_eq!(whole(vec![pieces("a", 200), at_once.clone()]), [all; 2]);
    // What follows has two hundred characters of what came before it.
    let by_400 = [400, 400, 600, 600, all - 800 + 200, all - 800 + 200];
    assert_eq!(whole(vec![pieces("a", 900), pieces("b", 400)]), by_400);
    // Rules that only watch are asked beside the others.
    let watching = Rule { mode: Mode::Observe, ..at_once };
    assert_eq!(whole(vec![pieces("a", 400), watching.clone()]), by_400);
    assert_eq!(whole(vec![Rule { mode: Mode::Observe, ..pieces("a", 200) }]), [all]);
}

#[test]
fn what_is_not_asked_about_does_not_wait_and_thoughts_are_text_like_any() {
    let thoughts = |channel| {
        let check = Check::External { service: "hook".into(), when_away: WhenAway::Block, beside: false };
        let channels = Some(Channels::of(&[channel]));
        let rule = Rule { pieces: Some(200), on: Some(On::Output), channels, ..rule("hook", check, Action::Block) };
        world(vec![rule])
    };
    let script = "[[sim: think=200 tokens=30 chunk=1 hang_after=45]]";
    let call = ask(Dialect::AnthropicMessages, Manner::Streamed, "on-anthropic", &format!("think {script}"));
    for (channel, is_asked) in
        [(tg_kernel::passage::Channel::Assistant, false), (tg_kernel::passage::Channel::Reasoning, true)]
    {
        let world = thoughts(channel);
        let mut exchange = world.keyed(&call).open(world.address);
        let mut body = Vec::new();
        while String::from_utf8_lossy(&body).matches("thinking_delta").count() < 30 {
            let piece = exchange.piece();
            body.extend(piece.unwrap_or_else(|| panic!("{channel:?}: {}", String::from_utf8_lossy(&body))));
        }
        assert_eq!(world.sim.hook.asked().len() > 1, is_asked, "{channel:?}");
        exchange.leave();
    }
}
