//! Answers that are judged piece by piece by a service of the test's own: what a caller reads is what it lets through, in every
//! dialect and wherever the stream is cut.

use super::pieces::{Edit, Pieces};
use super::told::{Text, Told};
use crate::guarding::watching::tests::{DIALECTS, any_cuts, as_json, cut, decoded, facts, heard, stream};
use bytes::Bytes;
use proptest::prelude::*;
use tg_dialect::gate::Gate;
use tg_kernel::dialect::Dialect;
use tg_kernel::passage::Channel;
use tg_kernel::usage::Usage;
use tg_policy::guard::Channels;

const CHARACTERS: usize = 200;

/// The rule that asks.
const RULE: usize = 7;

/// One answer on its way.
struct Way<'a> {
    reader: Gate,
    told: Told,
    pieces: Pieces,
    service: &'a dyn Fn(&str) -> String,
    asked: Vec<String>,
    out: Vec<Bytes>,
}

impl<'a> Way<'a> {
    fn new(dialect: Dialect, channels: &[Channel], service: &'a dyn Fn(&str) -> String) -> Self {
        let (reader, pieces) = (Gate::new(dialect, &facts()), Pieces::new(CHARACTERS, dialect, &facts()));
        Self { reader, told: Told::of(Channels::of(channels)), pieces, service, asked: Vec::new(), out: Vec::new() }
    }

    /// All that is said has come of an answer that is judged as it comes. Answers the rule that ends it.
    fn goes(&mut self, stream: &[&[u8]]) -> Option<usize> {
        for piece in stream {
            self.comes(piece);
            if self.pieces.is_due(&self.told) {
                if let ended @ Some(_) = self.is_judged() {
                    return ended;
                }
                self.pieces.release(&self.told, &mut self.out).unwrap();
            }
            self.pieces.pass_on(&self.told, &mut self.out).unwrap();
        }
        self.reader.finish(&mut self.told, &mut Vec::new()).unwrap();
        let ended = self.is_judged();
        if ended.is_none() {
            self.pieces.finish(&self.told, &mut self.out).unwrap();
        }
        ended
    }

    fn comes(&mut self, piece: &[u8]) {
        self.reader.pass(piece, &mut self.told, &mut Vec::new()).unwrap();
        self.pieces.keep(Bytes::copy_from_slice(piece), &self.told, &mut self.out).unwrap();
    }

    fn is_judged(&mut self) -> Option<usize> {
        let mut edits = Vec::new();
        for question in self.pieces.next(&mut self.told) {
            self.asked.push(question.text.clone());
            let text = (self.service)(&question.text);
            if text != question.text {
                edits.push(Edit { numbers: question.numbers, text, rule: RULE });
            }
        }
        self.pieces.judge(&self.told, edits)
    }

    /// What the caller reads of an answer that was ended.
    fn ends(&mut self, dialect: Dialect) -> [String; 2] {
        if !self.pieces.has_left() {
            return Default::default();
        }
        self.pieces.end(&Usage::default(), &mut self.out);
        heard(dialect, &self.told())
    }

    fn told(&self) -> Vec<u8> {
        self.out.concat()
    }
}

/// Takes a name out, and a word, and puts something into another. What it has changed it leaves so.
fn service(text: &str) -> String {
    text.replace("heron", "[gone]").replace("drop ", "").replace("qx", "q-x").replace('é', "e")
}

fn any_words() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        8 => "[a-z]{1,9}",
        1 => prop::sample::select(vec!["heron", "drop", "qx", "é", "\"", "\\", "😀"]).prop_map(str::to_owned),
    ];
    prop::collection::vec(word, 0..160).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_caller_reads_what_the_service_lets_through_wherever_the_stream_is_cut(
        text in any_words(), argument in any_words(), each in 2_usize..9,
        texts in any_cuts(), arguments in any_cuts(), bytes in any_cuts(),
    ) {
        let argument = as_json(&argument.replace(['"', '\\'], ""), each);
        for dialect in DIALECTS {
            let stream = stream(dialect, &cut(&text, &texts), &cut(&argument, &arguments));
            let mut at: Vec<usize> = bytes.iter().map(|at| at % (stream.len() + 1)).chain([0, stream.len()]).collect();
            at.sort_unstable();
            let pieces: Vec<&[u8]> = at.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect();
            let mut way = Way::new(dialect, &[Channel::Assistant, Channel::ToolArguments], &service);
            let ended = way.goes(&pieces);
            let (said, called) = (service(&text), service(&decoded(&argument)));
            if ended.is_none() {
                let [own, own_call] = heard(dialect, &way.told());
                prop_assert_eq!(&own, &said, "{:?}", dialect);
                prop_assert_eq!(&decoded(&own_call), &called, "{:?}", dialect);
            } else {
                prop_assert_eq!(ended, Some(RULE));
                let [own, own_call] = way.ends(dialect);
                // What is parted by a border has left in part, and never whole.
                prop_assert!(!own.contains("heron"), "{:?} {}", dialect, own);
                let own_call = if own_call.is_empty() { own_call } else { decoded(&own_call) };
                prop_assert!(!own_call.contains("heron"), "{:?} {}", dialect, own_call);
            }
            let raw = String::from_utf8_lossy(&way.told()).into_owned();
            prop_assert!(!raw.contains("heron") , "{:?}: not in what repeats it either: {}", dialect, raw);
            // Nothing is changed where nothing is found.
            let mut way = Way::new(dialect, &[Channel::Assistant, Channel::ToolArguments], &str::to_owned);
            prop_assert_eq!(way.goes(&pieces), None);
            prop_assert_eq!(way.told(), stream, "{:?}", dialect);
        }
    }
}

/// Prose of so many characters.
fn prose(characters: usize) -> String {
    "all is well with the ship and its crew, ".chars().cycle().take(characters).collect()
}

#[test]
fn what_stands_across_a_border_is_seen() {
    let text = prose(1_000);
    for dialect in DIALECTS {
        let tokens = cut(&text, &(0..text.len()).step_by(7).collect::<Vec<_>>());
        let stream = stream(dialect, &tokens, &["{}"]);
        let mut way = Way::new(dialect, &[Channel::Assistant], &str::to_owned);
        assert_eq!(way.goes(&stream.chunks(50).collect::<Vec<_>>()), None);
        assert!(way.asked.len() > 3, "{dialect:?}: {:?}", way.asked);
        for at in 0..=text.len() - CHARACTERS {
            let window = &text[at..at + CHARACTERS];
            assert!(way.asked.iter().any(|asked| asked.contains(window)), "{dialect:?} {at}: {:?}", way.asked);
        }
        assert!(way.asked.iter().all(|asked| asked.len() < 3 * CHARACTERS), "{dialect:?}: {:?}", way.asked);
    }
}

#[test]
fn pieces_leave_while_the_answer_comes_and_what_is_not_asked_about_does_not_wait() {
    let text = prose(2_000);
    let tokens = cut(&text, &(0..text.len()).step_by(7).collect::<Vec<_>>());
    for dialect in DIALECTS {
        let stream = stream(dialect, &tokens, &["{}"]);
        let half = &stream[..stream.len() / 2];
        let mut way = Way::new(dialect, &[Channel::Assistant], &str::to_owned);
        for piece in half.chunks(100) {
            way.comes(piece);
            if way.pieces.is_due(&way.told) {
                assert_eq!(way.is_judged(), None);
                way.pieces.release(&way.told, &mut way.out).unwrap();
            }
            way.pieces.pass_on(&way.told, &mut way.out).unwrap();
        }
        assert!(way.pieces.has_left() && half.starts_with(&way.told()), "{dialect:?}");
        // All but what has not been judged, and a frame that is torn.
        assert!(way.told.fresh < CHARACTERS + 50, "{dialect:?}: {}", way.told.fresh);
        let mut way = Way::new(dialect, &[Channel::Reasoning], &str::to_owned);
        for piece in half.chunks(100) {
            way.comes(piece);
            way.pieces.pass_on(&way.told, &mut way.out).unwrap();
        }
        assert!(way.told().len() + 1_000 > half.len(), "{dialect:?}: {} of {}", way.told().len(), half.len());
    }
}

#[test]
fn what_was_judged_in_pieces_and_is_told_again_as_a_whole_is_not_asked_about_again() {
    let arguments = as_json(&format!("{} a heron {}", prose(300), prose(700)), 9);
    let tokens = cut(&arguments, &(0..arguments.len()).step_by(7).collect::<Vec<_>>());
    for dialect in DIALECTS {
        let stream = stream(dialect, &["hello"], &tokens);
        let mut way = Way::new(dialect, &[Channel::ToolArguments], &service);
        assert_eq!(way.goes(&stream.chunks(50).collect::<Vec<_>>()), None, "{dialect:?}");
        assert!(way.asked.len() > 4, "{dialect:?}: {:?}", way.asked);
        assert!(way.asked.iter().all(|asked| asked.len() < 3 * CHARACTERS), "{dialect:?}: {:?}", way.asked);
        let [_, called] = heard(dialect, &way.told());
        assert_eq!(decoded(&called), service(&decoded(&arguments)), "{dialect:?}");
        let repeated = whole_arguments(&way.told());
        assert_eq!(repeated.len(), if dialect == Dialect::OpenaiResponses { 3 } else { 0 }, "{dialect:?}");
        assert!(repeated.iter().all(|again| decoded(again) == decoded(&called)), "{dialect:?}: {repeated:?}");
    }
}

/// Arguments that events have as a whole.
fn whole_arguments(stream: &[u8]) -> Vec<String> {
    fn find(value: &serde_json::Value, found: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(members) => {
                let whole = members.get("arguments").and_then(serde_json::Value::as_str);
                found.extend(whole.filter(|text| text.ends_with('}')).map(str::to_owned));
                members.values().for_each(|value| find(value, found));
            }
            serde_json::Value::Array(values) => values.iter().for_each(|value| find(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    let text = String::from_utf8_lossy(stream);
    let events = text.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok());
    events.for_each(|event| find(&event, &mut found));
    found.retain(|text| text.len() > CHARACTERS);
    found
}

#[test]
fn what_waits_is_bounded() {
    let text = prose(700);
    let tokens = cut(&text, &(0..text.len()).step_by(7).collect::<Vec<_>>());
    let stream = stream(Dialect::OpenaiChat, &tokens, &["{}"]);
    let mut way = Way::new(Dialect::OpenaiChat, &[Channel::Assistant], &str::to_owned);
    let mut chunks = stream.chunks(100);
    while !way.pieces.is_due(&way.told) {
        way.comes(chunks.next().unwrap());
    }
    assert!(!way.pieces.is_full(&way.told));
    way.pieces.next(&mut way.told);
    // It is not judged yet.
    while !way.pieces.is_full(&way.told) {
        way.comes(chunks.next().unwrap());
    }
    // A token more, at most.
    assert!((CHARACTERS - 10..CHARACTERS + 10).contains(&way.told.fresh), "{}", way.told.fresh);
    assert_eq!(way.pieces.judge(&way.told, Vec::new()), None);
    way.pieces.release(&way.told, &mut way.out).unwrap();
    assert!(way.pieces.has_left());
}

#[test]
fn what_reaches_back_is_not_taken_back() {
    let text = format!("{}her", prose(CHARACTERS - 3));
    let whole = format!("{text}on and on");
    for dialect in DIALECTS {
        let stream = stream(dialect, &[&text, "on and on"], &["{}"]);
        let mut way = Way::new(dialect, &[Channel::Assistant], &service);
        assert_eq!(way.goes(&stream.chunks(20).collect::<Vec<_>>()), Some(RULE), "{dialect:?}");
        assert!(way.asked.last().unwrap().ends_with("heron and on"), "{dialect:?}: {:?}", way.asked);
        let [own, _] = way.ends(dialect);
        assert_eq!(own, text, "{dialect:?}");
        assert!(!String::from_utf8_lossy(&way.told()).contains(&whole), "{dialect:?}");
    }
}

#[test]
fn what_is_spoken_is_known_to_be_changed_and_by_which_rule() {
    for (channel, editor) in [(Channel::Assistant, Some(RULE)), (Channel::ToolArguments, None)] {
        let stream = stream(Dialect::OpenaiChat, &["a heron"], &["{\"to\":\"heron\"}"]);
        let mut way = Way::new(Dialect::OpenaiChat, &[channel], &service);
        assert_eq!(way.goes(&[&stream]), None);
        assert_eq!(way.pieces.editor_of_speech(), editor, "{channel:?}");
    }
}

#[test]
fn what_is_spoken_stays_where_its_words_were_changed_though_nobody_is_asked_any_more() {
    let stream = stream(Dialect::OpenaiChat, &["a heron"], &["{}"]);
    let mut way = Way::new(Dialect::OpenaiChat, &[Channel::Assistant], &service);
    assert_eq!(way.goes(&[&stream]), None);
    assert_eq!(way.pieces.silenced_by(&way.told), None, "nothing is spoken");
    way.pieces.is_heard_no_more();
    way.told.has_sound = true;
    assert_eq!(way.pieces.silenced_by(&way.told), Some(RULE));
    let mut way = Way::new(Dialect::OpenaiChat, &[Channel::Assistant], &str::to_owned);
    assert_eq!(way.goes(&[&stream]), None);
    way.told.has_sound = true;
    assert_eq!(way.pieces.silenced_by(&way.told), None);
}

/// Seconds that it takes to find out which of so many texts, each by itself, say what one of as many parts says.
fn compared(count: usize) -> f64 {
    let (mut told, channel) = (Told::of(Channels::of(&[Channel::Assistant])), Channel::Assistant);
    let mut pieces = Pieces::new(CHARACTERS, Dialect::OpenaiResponses, &facts());
    let text = |nth: usize, is_part: bool| Text { channel, said: format!("{nth:09}"), is_part };
    told.texts.extend((0..count).map(|nth| text(nth, true)));
    assert_eq!(pieces.next(&mut told).len(), count);
    assert_eq!(pieces.judge(&told, Vec::new()), None);
    // Half of them say what none of the parts does.
    told.texts.extend((0..count).map(|nth| text(nth + count / 2, false)));
    let used = || std::fs::read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').next()?.parse::<f64>().ok();
    let (began, before) = (std::time::Instant::now(), used());
    assert_eq!(pieces.next(&mut told).len(), count / 2);
    before.zip(used()).map_or_else(|| began.elapsed().as_secs_f64(), |(before, now)| (now - before) / 1e9)
}

#[test]
fn very_many_texts_are_not_each_compared_with_all() {
    let (few, many) = (compared(1000).min(compared(1000)), compared(16_000));
    assert!(many < 64.0 * few.max(0.001), "16 times as many take {:.0} times as long", many / few);
}
