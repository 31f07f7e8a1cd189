//! Calls that go to both models: how their answers are compared, what comes of it, and when a rule switches itself off.

use crate::cli::tallygate;
use crate::guarded::{EMAIL, house, no_mail};
use crate::mirror::{copy_of, fated, left};
use crate::speak::{Manner, ask};
use crate::wire::Answer;
use crate::world::{Setup, World, put_in_force, until};
use std::time::{Duration, Instant};
use tg_kernel::decided::Purpose;
use tg_kernel::dialect::Dialect;
use tg_kernel::record::{Ending, Record};
use tg_policy::admit::Scope;
use tg_policy::guard::{Action, Set, Style};
use tg_policy::route::quality::Kept;
use tg_proxy::shadow::Fate;

pub(crate) const LABEL: &str = "Classify the sentiment of this review as positive or negative. Answer with one word.\n\n\
                     Review: The food was cold and the staff were rude.";

pub(crate) fn models(mode: &str, quality: &str) -> String {
    format!(
        "- name: smart\n  targets: [{{ provider: openai, model: gpt-5 }}]\n  task_routing:\n    mode: {mode}\n\
         \x20   steps: [{{ provider: openai, model: gpt-5-nano, tasks: [classification] }}]\n    quality: {{ {quality} }}\n"
    )
}

pub(crate) const AGREEMENT: &str = "sample: 100%, judge: agreement, floor: 95%, samples_min: 10";
const JUDGE: &str = "sample: 100%, judge: { provider: local, model: local-chat }";

fn world(mode: &str, quality: &str) -> World {
    World::with(Setup { models: models(mode, quality), ..Setup::default() })
}

/// A call that the two models answer so, and of which a judge says this.
pub(crate) fn call(world: &World, manner: Manner, (strong, cheap): (&str, &str), word: &str) -> Answer {
    let prompt =
        format!("[[sim@gpt-5: say={strong}]] [[sim@gpt-5-nano: say={cheap}]] [[sim@local-chat: {word}]] {LABEL}");
    let answer = world.send(&ask(Dialect::OpenaiChat, manner, "smart", &prompt));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer
}

fn kept(row: &Record) -> Option<bool> {
    row.decided.as_ref().and_then(|decided| decided.verdict.as_ref()).unwrap().kept
}

/// What is known of the only rule and task.
pub(crate) fn known(world: &World) -> (Option<Kept>, bool) {
    let living = &world.gateway().living;
    let rule = living.snapshot.load().routes.all_by_task()[0].rule.clone();
    let view = living.qualities.view(&rule);
    (view.tasks.first().map(|(_, kept)| *kept), view.off.is_some())
}

#[test]
fn both_models_answer_and_what_they_agree_on_counts() {
    for (mode, served, other) in [("observe", "gpt-5", "gpt-5-nano"), ("enforce", "gpt-5-nano", "gpt-5")] {
        let world = world(mode, AGREEMENT);
        for (manner, answers, as_good) in [
            (Manner::Plain, ("Positive.", "positive"), true),
            (Manner::Streamed, ("negative", "Negative"), true),
            (Manner::Plain, ("negative", "positive"), false),
        ] {
            let answer = call(&world, manner, answers, "tokens=1");
            assert_eq!(answer.header("x-tallygate-model"), served);
            let copy = copy_of(&world, &world.row(&answer), Purpose::Sample);
            assert_eq!(&*copy.served.as_ref().unwrap().model, other, "{mode}");
            assert_eq!(kept(&copy), Some(as_good), "{mode} {answers:?}");
        }
        until("all is counted", || (known(&world).0 == Some(Kept { kept: 2, of: 3 })).then_some(()));
        assert!(!known(&world).1, "three are too few to say");
        assert_eq!(fated(&world, Purpose::Judge, Fate::Sent), 0, "nobody is asked");
    }
}

#[test]
fn a_cheaper_model_that_is_not_up_to_a_call_is_worse_but_one_without_capacity_is_not() {
    for (quality, no_verdict) in [(AGREEMENT, Some(None)), (JUDGE, None)] {
        let world = world("observe", quality);
        for (status, verdict) in [(400, Some(Some(false))), (422, Some(Some(false))), (503, no_verdict)] {
            let prompt = format!("[[sim@gpt-5: say=negative]] [[sim@gpt-5-nano: status={status}]] {LABEL}");
            let answer = world.send(&ask(Dialect::OpenaiChat, Manner::Plain, "smart", &prompt));
            assert_eq!((answer.status, answer.header("x-tallygate-model")), (200, "gpt-5"), "{status}");
            let copy = copy_of(&world, &world.row(&answer), Purpose::Sample);
            let found = copy.decided.as_ref().and_then(|decided| decided.verdict.as_ref()).map(|verdict| verdict.kept);
            assert_eq!(found, verdict, "{status}");
        }
        until("all is counted", || (known(&world).0 == Some(Kept { kept: 0, of: 2 })).then_some(()));
    }
}

#[test]
fn a_rule_below_its_floor_switches_itself_off_and_stays_off_until_it_is_changed() {
    let mut world = world("enforce", AGREEMENT);
    for number in 1..=10 {
        let answer = call(&world, Manner::Plain, ("negative", "positive"), "tokens=1");
        assert_eq!(answer.header("x-tallygate-model"), "gpt-5-nano", "{number}");
        until("it is counted", || known(&world).0.is_some_and(|known| known.of == number).then_some(()));
    }
    assert!(known(&world).1);
    let off = |world: &World| {
        let answer = call(world, Manner::Plain, ("negative", "positive"), "tokens=1");
        assert_eq!(answer.header("x-tallygate-model"), "gpt-5", "all calls go as without it");
        let row = world.row(&answer);
        assert_eq!(row.decided.unwrap().routed.unwrap().stays.as_deref(), Some("switched_off"));
        assert_eq!(known(world).0.map(|known| known.of), Some(10), "nothing more is tried");
    };
    off(&world);
    world.restart();
    off(&world);
    let folder = tempfile::TempDir::new().unwrap();
    std::fs::write(folder.path().join("t.yaml"), &world.config).unwrap();
    let shown = tallygate(folder.path(), &["routing", "--config", "t.yaml"]).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    for said in ["enforce (switched off since 20", "openai/gpt-5-nano", "95.0%", "classification", "0.0% and 27.8%"] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    put_in_force(world.gateway(), &world.config.replace("mode: enforce", "mode: advise"));
    assert_eq!(
        call(&world, Manner::Plain, ("a", "b"), "tokens=1").header("x-tallygate-advice"),
        "",
        "nor is it advised"
    );
    put_in_force(world.gateway(), &world.config.replace("samples_min: 10", "samples_min: 11"));
    let anew = call(&world, Manner::Plain, ("negative", "negative"), "tokens=1");
    assert_eq!(anew.header("x-tallygate-model"), "gpt-5-nano", "another rule begins anew");
    put_in_force(world.gateway(), &world.config);
    off(&world);
}

#[test]
fn a_judge_is_asked_which_is_better_in_an_order_by_chance_and_its_word_counts() {
    let world = world("enforce", JUDGE);
    let mut firsts = 0;
    for _ in 0..24 {
        let answer = call(&world, Manner::Plain, ("strong+words", "cheap+words"), "say=FIRST");
        let judged = copy_of(&world, &world.row(&answer), Purpose::Judge);
        assert_eq!((&*judged.served.as_ref().unwrap().provider, judged.ending), ("local", Ending::Ok));
        let asked = crate::guarded::told(&world, &judged);
        let (cheap, strong) = (asked.find("cheap words").unwrap(), asked.find("strong words").unwrap());
        assert_eq!(kept(&judged), Some(cheap < strong), "{asked}");
        assert!(asked.contains("cold and the staff") && asked.contains("REQUEST"), "{asked}");
        firsts += u32::from(cheap < strong);
    }
    assert!((2..=22).contains(&firsts), "a judge who always likes the first does nobody good: {firsts} of 24");
    until("all is counted", || (known(&world).0 == Some(Kept { kept: firsts, of: 24 })).then_some(()));
    let same = call(&world, Manner::Streamed, ("one", "other"), "say=SAME");
    assert_eq!(kept(&copy_of(&world, &world.row(&same), Purpose::Judge)), Some(true));
}

#[test]
fn a_judge_that_answers_garbage_fails_or_hangs_says_nothing_and_slows_nobody() {
    let mut world = world("enforce", JUDGE);
    for word in ["say=Both+are+fine", "say=FIRST,SECOND", "garbage", "status=500", "tokens=3000"] {
        let answer = call(&world, Manner::Plain, ("one", "other"), word);
        let judged = copy_of(&world, &world.row(&answer), Purpose::Judge);
        assert_eq!(kept(&judged), None, "{word}");
        assert!(judged.earlier.is_empty(), "{word}: it is asked once");
    }
    let began = Instant::now();
    call(&world, Manner::Plain, ("one", "other"), "hang_before_head");
    assert!(began.elapsed() < Duration::from_secs(5));
    until("the judge is asked", || (left(&world) == 6 * 3).then_some(()));
    assert_eq!(known(&world).0, None, "what is no verdict is not counted");
    world.drain(Duration::from_secs(10));
    assert!(began.elapsed() < Duration::from_secs(9), "the end does not wait for a judge");
    let hung = world.rows().into_iter().filter(|row| {
        row.ending == Ending::Interrupted && row.decided.as_ref().is_some_and(|d| d.purpose == Some(Purpose::Judge))
    });
    assert_eq!(hung.count(), 1);
}

#[test]
fn a_judge_sees_no_value_that_guardrails_keep_from_models_and_is_checked_itself() {
    let world = World::with(Setup {
        models: models("enforce", JUDGE),
        guards: vec![house(vec![no_mail(Action::Restore(Style::Tag))])],
        ..Setup::default()
    });
    let prompt = format!("[[sim: tokens=40]] [[sim@local-chat: say=SAME]] {LABEL} It was written by {EMAIL}");
    let answer = world.send(&ask(Dialect::OpenaiChat, Manner::Plain, "smart", &prompt));
    copy_of(&world, &world.row(&answer), Purpose::Sample);
    until("nobody is asked", || (fated(&world, Purpose::Judge, Fate::Blocked) == 1).then_some(()));
    // Where nothing was taken out, the judge is asked, and its call is checked as any.
    let answer = call(&world, Manner::Plain, ("one", "other"), "say=SAME");
    let judged = copy_of(&world, &world.row(&answer), Purpose::Judge);
    assert!(judged.guarded.is_some() && kept(&judged) == Some(true));
    for entry in world.sim.books.entries() {
        let body = entry.detail.map(|detail| detail.body.to_string()).unwrap_or_default();
        assert!(!body.contains(EMAIL), "{body}");
    }
    let unguarded = world.gateway().living.counts.unguarded.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(unguarded, 0);
}

#[test]
fn a_judge_is_booked_to_the_team_of_the_call_or_to_another() {
    let models = models("enforce", "sample: 100%, judge: { provider: local, model: local-chat, booked_to: quality }");
    let teams = "- { name: red, projects: [alpha], environments: [prod] }\n- { name: quality }\n".to_owned();
    // The guardrails are those of the team whose texts they are, whoever pays.
    let scope = Scope { team: Some("red".to_owned()), ..Scope::default() };
    let guards = vec![Set { scope, ..house(vec![no_mail(Action::Block)]) }];
    let world = World::with(Setup { models, teams, guards, ..Setup::default() });
    let row = world.row(&call(&world, Manner::Plain, ("one", "other"), "say=SAME"));
    assert_eq!(&*copy_of(&world, &row, Purpose::Sample).attribution.team, "red");
    let judged = copy_of(&world, &row, Purpose::Judge);
    assert_eq!((&*judged.attribution.team, judged.attribution.project.as_deref()), ("quality", None));
    assert!(row.guarded.is_some() && judged.guarded.is_some(), "the question is checked as the call was");
    let unguarded = world.gateway().living.counts.unguarded.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(unguarded, 0);
}
