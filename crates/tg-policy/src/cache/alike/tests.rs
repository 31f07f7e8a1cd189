//! Which questions may be taken for one another, and which never.

use super::*;
use crate::cache::{Key, Request, Share, partition};
use proptest::prelude::*;
use serde_json::{Value, json};
use tg_kernel::clock::Timestamp;
use tg_kernel::dialect::{Dialect, Operation};
use tg_kernel::ids::CallId;
use tg_kernel::principal::Attribution;

#[test]
fn other_words_for_the_same_have_the_same_facts() {
    for (one, other) in [
        ("How do I cancel my subscription?", "What is the way to cancel my subscription?"),
        ("Where can I find my invoice", "Where is my invoice?"),
        ("Can I return shoes after 30 days?", "is it possible that I return shoes after 30 days"),
        ("Why don't you ship to Malta?", "Why do you not ship to Malta?"),
        ("Wie kündige ich mein Abo?", "Wie werde ich mein Abo los, bitte?"),
        ("Translate \"good day\" for me", "please translate \"good day\""),
        ("Comment puis-je modifier mon adresse ?", "Comment je peux changer mon adresse ?"),
        ("¿Cómo cambio mi dirección?", "¿Cómo puedo cambiar mi dirección?"),
        ("Is a table for twenty-one free?", "is there a free table for twenty-one"),
    ] {
        assert_eq!(facts(one), facts(other), "{one} / {other}");
    }
}

#[test]
fn what_vectors_do_not_tell_apart_is_never_taken_for_the_same() {
    for (one, other) in [
        // Numbers.
        ("a recipe for 2 people", "a recipe for 3 people"),
        ("a recipe for two people", "a recipe for three people"),
        ("does it cost $5", "does it cost 5€"),
        ("what is -5 plus x", "what is 5 plus x"),
        ("ein Tisch für zwei", "ein Tisch für drei"),
        ("une table pour deux", "une table pour trois"),
        ("una mesa para dos", "una mesa para tres"),
        ("version 1.2", "version 1.20"),
        ("the year ²", "the year ³"),
        ("a table for twenty-one", "a table for twenty-two"),
        ("une table pour vingt-deux", "une table pour vingt-trois"),
        ("ein Tisch für einundzwanzig", "ein Tisch für zweiundzwanzig"),
        ("was kostet das zweihundertste", "was kostet das dreihundertste"),
        ("una mesa para veintidós", "una mesa para veintitrés"),
        ("cuestan doscientos euros", "cuestan quinientos euros"),
        ("on the sixth day", "on the seventh day"),
        ("on the fifteenth day", "on the twentieth day"),
        ("le cinquième jour", "le sixième jour"),
        // Denials.
        ("is it allowed to smoke", "is it not allowed to smoke"),
        ("Can I pay by card?", "Can't I pay by card?"),
        ("mit Zucker", "ohne Zucker"),
        ("ist das erlaubt", "ist das nicht erlaubt"),
        ("avec sucre", "sans sucre"),
        ("c'est permis", "ce n'est pas permis"),
        ("con azúcar", "sin azúcar"),
        ("es legal", "no es legal"),
        ("rules for non-EU citizens", "rules for non-UK citizens"),
        // Contraries, and who comes first.
        ("before the meal", "after the meal"),
        ("enable the alarm", "disable the alarm"),
        ("a flight from Paris to Rome", "a flight from Rome to Paris"),
        ("is Anna older than Berta", "is Berta older than Anna"),
        ("how do I log in", "how do I log out"),
        ("how do I upload a file", "how do I download a file"),
        ("how do I encrypt a file", "how do I decrypt a file"),
        ("how do I lock the door", "how do I unlock the door"),
        ("wie kann ich es installieren", "wie kann ich es deinstallieren"),
        // Quoted stretches and placeholders.
        ("translate \"cat\"", "translate \"dog\""),
        ("translate „Katze“", "translate „Hund“"),
        ("translate «chat»", "translate «chien»"),
        ("what does 'ls' do", "what does 'rm' do"),
        ("what does `ls` do", "what does `rm` do"),
        ("write to [EMAIL_A]", "write to [EMAIL_B]"),
        ("fill in {name}", "fill in {street}"),
        ("fill in {{ name }}", "fill in {{ street }}"),
        ("what is <b>", "what is <i>"),
        ("open \"cat", "open cat"),
        // Names, addresses, signs, other languages.
        ("the capital of France", "the capital of Spain"),
        ("is NATO large", "is nato large"),
        ("look at a@example.com", "look at b@example.com"),
        ("a < b", "a > b"),
        ("run ls -l", "run ls -r/"),
        ("What is love?", "Was ist love?"),
        ("x_one", "x_two"),
    ] {
        assert_ne!(facts(one), facts(other), "{one} / {other}");
    }
}

#[test]
fn who_does_what_to_whom_is_told_by_the_order_of_words() {
    for (one, other, same) in [
        ("a flight from paris to rome", "a flight from rome to paris", false),
        ("is anna older than berta", "is berta older than anna", false),
        ("can the tenant sue the landlord", "can the landlord sue the tenant", false),
        ("how do i cancel my subscription", "what must i do to cancel a subscription", true),
        ("a flight from paris to rome", "which flights go from paris to rome", true),
        ("convert euros", "please convert euros now", true),
        ("", "anything", true),
    ] {
        assert_eq!(same_order(&placed(one), &placed(other)), same, "{one} / {other}");
    }
    let (likenesses, now) = (Likenesses::default(), Timestamp::from_seconds(0));
    let place = parted("x", &booked("red", "a", "k"), |_| {});
    for (number, degrees, words) in [(1, 0.0, "from rome to paris"), (2, 10.0, "from paris to rome")] {
        likenesses.keep(place, Entry { words: placed(words), ..entry(number, degrees, 9) }, 9);
    }
    let vector = unit(&at(0.0)).unwrap();
    let near = likenesses.nearest(&place, (&vector, &placed("a flight from paris to rome")), None, now).unwrap();
    assert_eq!(near.entry.key, entry(2, 0.0, 9).key, "the second likest, as the likest goes the other way");
    for number in 10..26 {
        likenesses.keep(place, Entry { words: placed("from rome to paris"), ..entry(number, 0.0, 9) }, 99);
    }
    let other = likenesses.nearest(&place, (&vector, &placed("from paris to rome")), None, now);
    assert!(other.is_none(), "so many are not all looked at: {other:?}");
}

#[test]
fn only_the_last_question_of_a_talk_in_texts_is_compared() {
    let user = |text: &str| json!({"role": "user", "content": text});
    let of = |dialect: Dialect, body: Value| asked(dialect, body);
    let talk = json!({"messages": [user("one"), {"role": "assistant", "content": "1"}, user("two")], "temperature": 0});
    let found = of(Dialect::OpenaiChat, talk).unwrap();
    assert_eq!((found.text.as_str(), &found.rest["messages"][2]["content"]), ("two", &Value::Null));
    assert_eq!(found.rest["messages"][0]["content"], "one", "the rest stays");
    for (dialect, body) in [
        (Dialect::OpenaiChat, json!({"messages": [user("hi")], "tools": []})),
        (Dialect::OpenaiChat, json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]})),
        (Dialect::OpenaiResponses, json!({"input": "hi"})),
        (
            Dialect::OpenaiResponses,
            json!({"input": [{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}]}),
        ),
        (Dialect::AnthropicMessages, json!({"system": "s", "messages": [user("hi")]})),
        (Dialect::BedrockInvoke, json!({"messages": [user("hi")]})),
        (
            Dialect::BedrockConverse,
            json!({"messages": [{"role": "user", "content": [{"text": "hi"}, {"cachePoint": {"type": "default"}}]}]}),
        ),
    ] {
        assert_eq!(of(dialect, body.clone()).map(|found| found.text).as_deref(), Some("hi"), "{dialect:?} {body}");
    }
    let image = json!({"type": "image_url", "image_url": {"url": "data:"}});
    for (dialect, body) in [
        (Dialect::OpenaiChat, json!({"messages": [user("hi")], "tools": [{}]})),
        (Dialect::OpenaiChat, json!({"messages": [user("hi")], "functions": [{}]})),
        (
            Dialect::BedrockConverse,
            json!({"messages": [{"role": "user", "content": [{"text": "hi"}]}], "toolConfig": {}}),
        ),
        (
            Dialect::OpenaiChat,
            json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}, image]}]}),
        ),
        (Dialect::OpenaiChat, json!({"messages": [{"role": "user", "content": [image]}, user("hi")]})),
        (Dialect::OpenaiChat, json!({"messages": [user("hi"), {"role": "assistant", "content": "go on"}]})),
        (Dialect::OpenaiChat, json!({"messages": [{"role": "tool", "content": "1"}, user("hi")]})),
        (
            Dialect::OpenaiChat,
            json!({"messages": [{"role": "assistant", "content": null, "tool_calls": [{}]}, user("hi")]}),
        ),
        (Dialect::OpenaiChat, json!({"messages": [user(" ")]})),
        (Dialect::OpenaiChat, json!({"messages": [user(&"x".repeat(TEXT_BYTES_MAX + 1))]})),
        (Dialect::OpenaiChat, json!({"messages": []})),
        (Dialect::OpenaiChat, json!({"input": "hi"})),
        (
            Dialect::AnthropicMessages,
            json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]}),
        ),
        (Dialect::OpenaiResponses, json!({"input": [{"type": "function_call_output", "output": "1"}]})),
        (Dialect::OpenaiResponses, json!({"input": "hi", "previous_response_id": "r"})),
        (Dialect::OpenaiEmbeddings, json!({"input": "hi"})),
        (Dialect::BedrockInvoke, json!({"inputText": "hi"})),
    ] {
        assert_eq!(of(dialect, body.clone()), None, "{dialect:?} {body}");
    }
}

fn booked(team: &str, project: &str, key: &str) -> Attribution {
    Attribution { team: team.into(), project: Some(project.into()), key_id: key.into(), ..Attribution::default() }
}

/// The partition of a chat that says this last, as `change` has it.
fn parted(text: &str, booked: &Attribution, change: impl Fn(&mut Request<'_>)) -> Key {
    let body = json!({"model": "fast", "messages": [{"role": "user", "content": text}]});
    let asked = asked(Dialect::OpenaiChat, body).unwrap();
    let targets = [Target { provider: "bedrock".into(), model: "claude".into() }];
    let mut request = Request {
        booked,
        share: Share::Team,
        dialect: Dialect::OpenaiChat,
        operation: Operation::Chat,
        stream: false,
        model: "fast",
        headers: &[],
        body: &asked.rest,
        targets: &targets,
        guard: Some("v1"),
        revision: &[7; 32],
    };
    change(&mut request);
    partition(&request, &facts(&asked.text), &Target { provider: "openai".into(), model: "embed".into() })
}

#[test]
fn nothing_but_the_words_of_the_last_question_may_differ() {
    let red = booked("red", "alpha", "k1");
    let usual = parted("how do I cancel", &red, |_| {});
    assert_eq!(parted("what is the way for me", &red, |_| {}), usual);
    let other_targets = [Target { provider: "bedrock".into(), model: "opus".into() }];
    for (number, other) in [
        parted("how do I cancel 2", &red, |_| {}),
        parted("how do I cancel", &booked("blue", "alpha", "k1"), |_| {}),
        parted("how do I cancel", &red, |request| request.guard = Some("v2")),
        parted("how do I cancel", &red, |request| request.guard = None),
        parted("how do I cancel", &red, |request| request.revision = &[8; 32]),
        parted("how do I cancel", &red, |request| request.stream = true),
        parted("how do I cancel", &red, |request| request.model = "slow"),
        parted("how do I cancel", &red, |request| request.dialect = Dialect::AnthropicMessages),
        parted("how do I cancel", &red, |request| request.headers = &[("openai-beta", b"b")]),
    ]
    .into_iter()
    .enumerate()
    {
        assert_ne!(other, usual, "{number}");
    }
    let request = |targets: &[Target]| {
        let body = json!({});
        let by = |model: &str| Target { provider: "openai".into(), model: model.into() };
        let request = Request {
            booked: &red,
            share: Share::Team,
            dialect: Dialect::OpenaiChat,
            operation: Operation::Chat,
            stream: false,
            model: "fast",
            headers: &[],
            body: &body,
            targets,
            guard: None,
            revision: &[7; 32],
        };
        [partition(&request, &[], &by("embed")), partition(&request, &[], &by("other")), crate::cache::key(&request)]
    };
    let [one, by_other_vectors, exact] = request(&[]);
    assert!(one != by_other_vectors && one != exact && one != request(&other_targets)[0]);
}

proptest! {
    /// Whatever teams, projects and keys are called, no question of one team is compared with another team's.
    #[test]
    fn no_question_is_compared_with_that_of_another_team(
        teams in ("[a-c]{0,3}", "[a-c]{0,3}"), projects in ("[a-c]{0,3}", "[a-c]{0,3}"), keys in ("[a-c]{0,3}", "[a-c]{0,3}"),
        shares in (0..3usize, 0..3usize),
    ) {
        let of = |team: &str, project: &str, key: &str, share: usize| {
            let share = [Share::Team, Share::Project, Share::Key][share];
            parted("how do I cancel", &booked(team, project, key), |request| request.share = share)
        };
        let one = of(&teams.0, &projects.0, &keys.0, shares.0);
        let other = of(&teams.1, &projects.1, &keys.1, shares.1);
        let may_share = teams.0 == teams.1 && shares.0 == shares.1 && match shares.0 {
            0 => true,
            1 => projects.0 == projects.1,
            _ => keys.0 == keys.1,
        };
        prop_assert_eq!(one == other, may_share);
    }

    /// Whatever stands in a text, its facts are found, the same each time, and another number makes others.
    #[test]
    fn facts_are_found_in_any_text(text in "\\PC{0,80}", number in 0..1000u32) {
        prop_assert_eq!(facts(&text), facts(&text));
        let with = |number: u32| facts(&format!("{number} {text}"));
        prop_assert_ne!(with(number), with(number + 1));
    }
}

fn entry(number: u8, degrees: f32, until: i64) -> Entry {
    let key = parted(&format!("{number}"), &booked("red", "a", "k"), |_| {});
    let vector = unit(&at(degrees)).unwrap();
    Entry { key, vector, words: placed(""), of: CallId::fresh(), until: Timestamp::from_seconds(until), said: None }
}

fn at(degrees: f32) -> [f32; 9] {
    let (sine, cosine) = degrees.to_radians().sin_cos();
    [3.0 * cosine, 3.0 * sine, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
}

#[test]
fn the_likest_question_is_found_whose_answer_still_stands() {
    let (likenesses, place) = (Likenesses::default(), parted("x", &booked("red", "a", "k"), |_| {}));
    let elsewhere = parted("x", &booked("blue", "a", "k"), |_| {});
    let now = Timestamp::from_seconds(100);
    let nearest = |degrees: f32| likenesses.nearest(&place, (&unit(&at(degrees)).unwrap(), &[]), None, now);
    assert!(!likenesses.knows(&place) && nearest(0.0).is_none());
    let all = [entry(1, 0.0, 200), entry(2, 20.0, 200), entry(3, 30.0, 100), entry(4, 90.0, 200)];
    all.iter().for_each(|entry| likenesses.keep(place, entry.clone(), 10));
    likenesses.keep(elsewhere, entry(5, 21.0, 200), 10);
    let near = nearest(21.0).unwrap();
    assert_eq!(near.entry.key, all[1].key);
    assert!((999_800..1_000_000).contains(&near.likeness), "{}", near.likeness);
    assert_eq!(nearest(0.0).map(|near| near.likeness), Some(SAME));
    assert_eq!(nearest(30.0).unwrap().entry.key, all[1].key, "what is over is not given");
    assert!(nearest(160.0).is_none(), "what is hardly like is not like");
    assert!(
        likenesses.nearest(&place, (&[1.0], &[]), None, now).is_none(),
        "vectors of another length are of another model"
    );
    let other = likenesses.nearest(&place, (&all[1].vector, &[]), Some(&all[1].key), now).unwrap();
    assert_eq!(other.entry.key, all[0].key, "nobody is compared with an equal call");
    likenesses.forget(&place, &all[1].key);
    assert_eq!(nearest(21.0).unwrap().entry.key, all[0].key);
    for (vector, is_one) in [(&[0.0, 0.0][..], false), (&[], false), (&[f32::NAN], false), (&[3.0, 4.0], true)] {
        assert_eq!(unit(vector).is_some(), is_one, "{vector:?}");
    }
    assert!(unit(&vec![1.0; 4097]).is_none());
}

#[test]
fn no_more_questions_are_held_than_may_be_and_the_oldest_go_first() {
    let (likenesses, now) = (Likenesses::default(), Timestamp::from_seconds(0));
    let place = parted("x", &booked("red", "a", "k"), |_| {});
    for number in 0..50 {
        likenesses.keep(place, entry(number, f32::from(number), 9), 3);
    }
    assert_eq!(likenesses.figures().entries, 3);
    let nearest =
        |degrees: f32| likenesses.nearest(&place, (&unit(&at(degrees)).unwrap(), &[]), None, now).unwrap().likeness;
    assert!(nearest(49.0) == SAME && nearest(45.0) < SAME);
    likenesses.keep(place, entry(49, 10.0, 9), 3);
    assert_eq!(likenesses.figures().entries, 3, "the same question once");
    let long = Entry { said: Some("x".repeat(1 << 20).into()), ..entry(60, 0.0, 9) };
    for number in 0..100 {
        let elsewhere = parted("x", &booked(&number.to_string(), "a", "k"), |_| {});
        likenesses.keep(elsewhere, long.clone(), 3);
        assert!(likenesses.figures().bytes <= 64 << 20);
    }
    assert!(!likenesses.knows(&place), "the oldest of all went");
    assert_eq!(likenesses.figures().entries, 63);
}
