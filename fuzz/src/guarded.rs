//! What must hold of guardrails for any bytes: the passages of bodies and frames, answers that are watched, and streams at a gate.

use super::torn;
use bytes::Bytes;
use serde_json::Value;
use std::borrow::Cow;
use std::sync::{Arc, LazyLock};
use tg_dialect::dialect::ReplyFacts;
use tg_dialect::gate::{Change, Gate, Inspector, Passing};
use tg_dialect::passages::{Edits, MediumKind, Part, Passage, Passages};
use tg_dialect::scan::Members;
use tg_kernel::clock::Timestamp;
use tg_kernel::dialect::Dialect;
use tg_kernel::fault::Fault;
use tg_kernel::ids::CallId;
use tg_kernel::passage::Channel;
use tg_kernel::principal::Attribution;
use tg_policy::admit::Mode;
use tg_policy::guard::{
    Action, Check, Guard, Guards, Inquiry, Medium, On, Pii, Rule, Said, Set, Style, Subject, Verdict, Watch, Way,
};

const CHANNELS: [Channel; 3] = [Channel::Assistant, Channel::ToolArguments, Channel::Reasoning];

const DIALECTS: [Dialect; 5] = [
    Dialect::OpenaiChat,
    Dialect::OpenaiResponses,
    Dialect::AnthropicMessages,
    Dialect::BedrockConverse,
    Dialect::BedrockInvoke,
];

/// Names of frames that say something of them.
const KINDS: [&str; 4] = ["", "error", "contentBlockDelta", "chunk"];

fn rule(name: &str, check: Check, action: Action) -> Rule {
    Rule::of(name, check, action)
}

fn compiled(rules: Vec<Rule>, hold_back: Option<usize>) -> Arc<Guard> {
    let set = Set { blocks_unread_answers: hold_back.is_some(), hold_back, ..Set::of("house", rules) };
    let guards = Guards::compile(&[set], None).expect("these rules compile");
    guards.of(&Subject { attribution: &Attribution::default(), model: "m" }).expect("a set that is for all calls")
}

/// Sets of rules that change, end and only watch.
static GUARDS: LazyLock<Vec<Arc<Guard>>> = LazyLock::new(|| {
    let pii = |action| rule("pii", Check::Pii(Pii::All), action);
    let words = Check::Words { list: vec!["zephyr".into(), "north star".into()], fuzzy: 1 };
    let out = Rule { on: Some(On::Output), ..rule("out", Check::Pii(Pii::Structured), Action::Redact(Style::Mask)) };
    let seen = Rule { mode: Mode::Observe, ..pii(Action::Block) };
    vec![
        compiled(
            vec![pii(Action::Redact(Style::Tag)), rule("keys", Check::Secrets(None), Action::Redact(Style::Mask))],
            None,
        ),
        compiled(
            vec![pii(Action::Restore(Style::Tag)), out, rule("words", words.clone(), Action::Redact(Style::Tag))],
            Some(16),
        ),
        compiled(
            vec![
                rule("words", words, Action::Block),
                rule("id", Check::Pattern(r"\b[A-Z]{2}-\d{4,6}\b".into()), Action::Redact(Style::KeepLast(2))),
                rule("long", Check::CharactersMax(300), Action::Block),
                rule("harm", Check::Harm([Some(0.5); 7]), Action::Block),
                seen,
            ],
            Some(200),
        ),
        compiled(
            vec![
                rule("form", Check::JsonSchema(serde_json::json!({ "type": "object" })), Action::Block),
                rule("keys", Check::Secrets(None), Action::Redact(Style::Tag)),
            ],
            None,
        ),
    ]
});

/// A guard, and what it knows of a request with an address in it.
fn asked(which: u8) -> (&'static Arc<Guard>, Inquiry) {
    let guard = &GUARDS[usize::from(which) % GUARDS.len()];
    let said = [Said { channel: Channel::User, turn: 1, text: Cow::Borrowed("I am ann.lee@example.com") }];
    let mut inquiry = Inquiry::default();
    guard.judge(Way::Input, &said, &[], &mut inquiry);
    (guard, inquiry)
}

fn changed(text: &str, changes: &[Change]) -> String {
    let (mut out, mut at) = (String::new(), 0);
    for change in changes {
        out.push_str(&text[at..change.range.start]);
        out.push_str(&change.text);
        at = change.range.end;
    }
    out + &text[at..]
}

/// An answer that comes in pieces: what leaves is what leaves of the whole, it never shrinks, and lies on whole characters.
///
/// # Panics
/// When a promise is broken.
pub fn guard(data: &[u8]) {
    let Some((&[which, structured], data)) = data.split_first_chunk::<2>() else { return };
    let Some((data, size)) = torn(data) else { return };
    let text = String::from_utf8_lossy(data);
    let (guard, mut inquiry) = asked(which);
    if structured % 2 == 1 {
        inquiry.answers_in_json();
    }
    let channel = CHANNELS[usize::from(structured / 2) % CHANNELS.len()];
    let chars: Vec<char> = text.chars().collect();
    let watched = |size: usize| {
        let (mut watch, mut inquiry, mut cleared) = (Watch::new(Arc::clone(guard)), inquiry.clone(), 0);
        for piece in chars.chunks(size) {
            watch.grows(0, channel, &piece.iter().collect::<String>(), &mut inquiry);
            assert!(watch.cleared(0) >= cleared && text.is_char_boundary(watch.cleared(0)));
            cleared = watch.cleared(0);
        }
        watch.ends(0, &mut inquiry);
        let end = watch.cleared(0);
        assert!(watch.is_blocked().is_some() || end == text.len());
        let changes: Vec<Change> = watch.changes(0).iter().filter(|change| change.range.end <= end).cloned().collect();
        (changed(&text[..end], &changes), watch.is_blocked().cloned(), inquiry.evidence().hits)
    };
    let pieces = watched(size);
    assert_eq!(pieces, watched(usize::MAX));
    assert_eq!(pieces, watched(1));
    let (left, block, _) = pieces;
    let said = [Said { channel, turn: 0, text: Cow::Borrowed(&*text) }];
    let mut own = inquiry.clone();
    let Verdict { block: whole, edits, .. } = guard.judge(Way::Output, &said, &[], &mut own);
    assert_eq!(block, whole);
    if block.is_none() {
        assert_eq!(left, edits.first().map_or(&*text, |(_, text)| text));
    }
    // And as a request.
    let said = [Said { channel: Channel::User, turn: 1, text: Cow::Borrowed(&*text) }];
    let verdict = guard.judge(Way::Input, &said, &[], &mut Inquiry::default());
    assert!(
        verdict.edits.iter().all(|(index, _)| *index == 0) && (verdict.block.is_none() || verdict.edits.is_empty())
    );
}

/// What is read of a body or a frame can be said anew, each passage by itself and all at once, and leaves JSON.
fn sayable(data: &[u8], passages: &Passages<'_>) {
    let says = |all: &[&Passage<'_>], text: &str| {
        let mut edits = Edits::default();
        all.iter().for_each(|passage| edits.say(passage, text));
        let body = edits.apply(data);
        assert!(serde_json::from_slice::<Value>(&body).is_ok(), "{:?}", String::from_utf8_lossy(&body));
    };
    let all: Vec<&Passage<'_>> = passages.texts.iter().chain(&passages.labels).collect();
    says(&all, "x \"y\" \\ \n é");
    all.iter().take(8).for_each(|one| says(&[*one], ""));
    for medium in &passages.media {
        assert!(medium.bytes(data).is_none_or(|bytes| bytes.len() < data.len()));
    }
    assert!(passages.echoes.iter().all(|echo| data.get(echo.clone()).is_some()));
}

/// Passages of a request, of a whole answer, and of a frame of a stream.
///
/// # Panics
/// When a promise is broken.
pub fn passages(data: &[u8]) {
    // A number too great for a float is JSON to the scanner and not to `serde_json`.
    if serde_json::from_slice::<Value>(data).is_err() {
        return;
    }
    if let Ok(members) = Members::scan(data) {
        sayable(data, &Passages::of_request(&members));
    }
    if let Some(passages) = Passages::of_answer(data) {
        sayable(data, &passages);
    }
    for kind in KINDS {
        if let Some(passages) = Passages::of_frame(kind, data) {
            sayable(data, &passages);
        }
    }
}

/// A guard at a gate.
struct Guardian {
    watch: Watch<Part>,
    inquiry: Inquiry,
}

impl Inspector for Guardian {
    fn grows(&mut self, part: Part, channel: Channel, text: &str) {
        self.watch.grows(part, channel, text, &mut self.inquiry);
    }

    fn ends(&mut self, part: Part) {
        self.watch.ends(part, &mut self.inquiry);
    }

    fn cleared(&self, part: Part) -> usize {
        self.watch.cleared(part)
    }

    fn changes(&self, part: Part) -> &[Change] {
        self.watch.changes(part)
    }

    fn whole(&mut self, channel: Channel, text: &str) -> Option<String> {
        self.watch.whole(channel, text, &mut self.inquiry)
    }

    fn unread(&mut self, kind: MediumKind) -> bool {
        let medium = if kind == MediumKind::Audio { Medium::Audio } else { Medium::Image };
        self.watch.unread(medium, &mut self.inquiry)
    }

    fn is_blocked(&self) -> bool {
        self.watch.is_blocked().is_some()
    }
}

/// A stream at a gate with rules: what leaves does not depend on how its bytes come.
///
/// # Panics
/// When a promise is broken.
pub fn gate(data: &[u8]) {
    let Some((&[dialect, which], data)) = data.split_first_chunk::<2>() else { return };
    let Some((data, size)) = torn(data) else { return };
    let dialect = DIALECTS[usize::from(dialect) % DIALECTS.len()];
    let facts = ReplyFacts {
        id: CallId::from_bytes([1; 16]),
        model: "m".into(),
        created: Timestamp::from_seconds(0),
        include_usage: true,
    };
    let left = |pieces: &mut dyn Iterator<Item = &[u8]>| -> Result<(Vec<u8>, Passing), Fault> {
        let (guard, inquiry) = asked(which);
        let mut guardian = Guardian { watch: Watch::new(Arc::clone(guard)), inquiry };
        let (mut gate, mut out) = (Gate::new(dialect, &facts), Vec::<Bytes>::new());
        for piece in pieces {
            if gate.pass(piece, &mut guardian, &mut out)? == Passing::Blocked {
                return Ok((out.concat(), Passing::Blocked));
            }
        }
        let passing = gate.finish(&mut guardian, &mut out)?;
        Ok((out.concat(), passing))
    };
    // What follows a block is read by no one where the block came first, and may be garbage.
    if let (Ok(whole), Ok(pieces)) = (left(&mut std::iter::once(data)), left(&mut data.chunks(size))) {
        assert_eq!(pieces, whole);
    }
}
