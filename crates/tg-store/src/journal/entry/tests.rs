//! Entries: what is written is read back, and nothing that is cut or invented makes the reader fail otherwise.

use super::super::segment::FORMAT;
use super::{OpenEntry, decode_record, encode_record};
use proptest::prelude::*;
use tg_kernel::clock::Timestamp;
use tg_kernel::decided::{Decided, Task};
use tg_kernel::dialect::{Dialect, Operation};
use tg_kernel::guarded::{Action, Guarded, Hit, OfService, OfSet, Said, Verdict, Way};
use tg_kernel::ids::CallId;
use tg_kernel::passage::Channel;
use tg_kernel::principal::Attribution;
use tg_kernel::record::{Asked, Attempt, Cost, Ending, Pricing, Record, Served, Timing};
use tg_kernel::units::Money;
use tg_kernel::usage::{ServiceTier, Usage, UsageSource};

fn open_entry(text: &str, number: u64) -> OpenEntry {
    OpenEntry {
        id: CallId::fresh(),
        started_at: Timestamp::from_micros(number as i64),
        attribution: Attribution {
            key_id: text.into(),
            team: text.into(),
            project: number.is_multiple_of(2).then(|| text.into()),
            environment: number.is_multiple_of(3).then(|| text.into()),
            tags: vec![text.to_owned(); (number % 4) as usize],
        },
        asked: Asked {
            dialect: Dialect::ALL[(number % 6) as usize],
            operation: Operation::CountTokens,
            model: text.into(),
            stream: number % 2 == 1,
        },
        provider: text.into(),
        model: text.into(),
        profile: number.is_multiple_of(2).then(|| text.into()),
        dialect: Dialect::BedrockInvoke,
        tier: ServiceTier::Flex,
        session: number.is_multiple_of(5).then(|| text.into()),
        estimated: Usage { input_tokens: number, images: 3, ..Usage::default() },
        earlier: (0..number % 3).map(|_| attempt(text, number)).collect(),
        decided: number.is_multiple_of(2).then(|| Box::new(decided(text))),
    }
}

fn decided(text: &str) -> Decided {
    Decided { task: Some(Task { class: text.to_owned().into(), difficulty: 40 }), ..Decided::default() }
}

fn attempt(text: &str, number: u64) -> Attempt {
    Attempt {
        served: served(text, number),
        fault: text.to_owned(),
        usage: Usage { input_tokens: number, ..Usage::default() },
        cost: cost(text, number),
    }
}

fn served(text: &str, number: u64) -> Served {
    Served {
        provider: text.into(),
        model: text.into(),
        profile: number.is_multiple_of(3).then(|| text.into()),
        dialect: Dialect::OpenaiResponses,
        request_id: number.is_multiple_of(2).then(|| text.to_owned()),
        session: number.is_multiple_of(5).then(|| text.into()),
        tier: ServiceTier::Priority,
        attempts: number as u16,
        stop: Some(text.to_owned()),
    }
}

fn cost(text: &str, number: u64) -> Cost {
    let amount = Money::from_nanos(-(number as i64 / 2));
    let rates = number.is_multiple_of(3).then(|| text.into());
    Cost { list: Money::from_nanos(number as i64), rates, ..Cost::at_list(amount, Pricing::Ceiling, text) }
}

fn guarded(text: &str, number: u64) -> Guarded {
    let hit = Hit {
        set: text.into(),
        rule: text.into(),
        check: text.into(),
        found: text.into(),
        channel: Channel::ToolResult,
        way: Way::Output,
        action: Action::Redacted,
        count: number as u32,
    };
    let hits = vec![hit; (number % 3) as usize];
    Guarded {
        sets: vec![text.into()],
        version: text.into(),
        verdict: Verdict::Changed,
        micros: number,
        hits,
        by_set: vec![OfSet { set: text.into(), version: text.into(), verdict: Verdict::Changed, micros: number }],
        services: vec![OfService {
            guard: text.into(),
            way: Way::Input,
            verdict: Said::Clear,
            micros: number,
            questions: 2,
            remembered: 1,
        }],
    }
}

fn record(text: &str, number: u64) -> Record {
    let open = open_entry(text, number);
    Record {
        id: open.id,
        started_at: open.started_at,
        attribution: open.attribution,
        asked: open.asked,
        served: (!number.is_multiple_of(3)).then(|| served(text, number)),
        earlier: open.earlier,
        decided: open.decided,
        ending: Ending::ALL[(number % 6) as usize],
        status: number as u16,
        fault: number.is_multiple_of(5).then(|| text.to_owned()),
        usage: Usage {
            input_tokens: number,
            cache_read_tokens: 1,
            cache_write_5m_tokens: 2,
            cache_write_1h_tokens: 3,
            output_tokens: 4,
            reasoning_tokens: 5,
            audio_input_tokens: 6,
            audio_output_tokens: 7,
            images: u64::MAX,
        },
        usage_source: UsageSource::Estimated,
        cost: cost(text, number),
        losses: vec![text.to_owned(); (number % 3) as usize],
        guarded: number.is_multiple_of(2).then(|| Box::new(guarded(text, number))),
        timing: Timing { total_us: number, first_token_us: number.is_multiple_of(2).then_some(9), overhead_us: 8 },
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(text in ".{0,40}", number: u64) {
        let (open, end) = (open_entry(&text, number), record(&text, number));
        let mut bytes = Vec::new();
        open.encode(&mut bytes);
        prop_assert_eq!(OpenEntry::decode(&bytes, FORMAT), Some(open));
        bytes.clear();
        encode_record(&end, &mut bytes);
        prop_assert_eq!(decode_record(&bytes, FORMAT), Some(end));
    }

    #[test]
    fn a_cut_payload_is_no_entry(text in ".{0,40}", number: u64, cut: prop::sample::Index) {
        let mut bytes = Vec::new();
        encode_record(&record(&text, number), &mut bytes);
        bytes.truncate(cut.index(bytes.len()));
        prop_assert_eq!(decode_record(&bytes, FORMAT), None);
    }

    #[test]
    fn invented_bytes_do_no_harm(bytes: Vec<u8>) {
        // With right beginnings, so that the readers get further than the first field.
        let mut entry = vec![0; 24];
        entry.extend_from_slice(&bytes);
        let (_, _) = (OpenEntry::decode(&entry, FORMAT), decode_record(&entry, FORMAT));
    }
}

/// Takes out of an entry what the third format added to its one cost: the list price and the flag of unit prices.
fn without_list_price(bytes: &mut Vec<u8>) {
    let price = bytes.windows(10).position(|part| part == b"\x07ceiling\x01x").unwrap() + 10;
    bytes.drain(price..price + 9);
}

#[test]
fn entries_of_the_fourth_format_say_nothing_of_what_was_decided() {
    let end = Record { decided: None, ..record("x", 4) };
    let mut bytes = Vec::new();
    encode_record(&end, &mut bytes);
    assert_eq!(bytes.pop(), Some(0), "the flag that the fifth format added");
    assert_eq!(decode_record(&bytes, 4), Some(end));
}

#[test]
fn entries_of_the_third_format_say_nothing_of_checks() {
    let end = Record { guarded: None, decided: None, ..record("x", 4) };
    let mut bytes = Vec::new();
    encode_record(&end, &mut bytes);
    bytes.pop();
    assert_eq!(bytes.pop(), Some(0), "the flag that the fourth format added");
    assert_eq!(decode_record(&bytes, 3), Some(end));
}

#[test]
fn entries_of_the_second_format_are_at_list_price() {
    let mut end = Record { earlier: Vec::new(), ..record("x", 4) };
    let mut bytes = Vec::new();
    encode_record(&end, &mut bytes);
    without_list_price(&mut bytes);
    end.cost.list = end.cost.amount;
    (end.guarded, end.decided) = (None, None);
    assert_eq!(decode_record(&bytes, 2), Some(end));
}

#[test]
fn entries_of_the_first_format_are_read() {
    let (mut open, mut end) = (open_entry("x", 6), Record { earlier: Vec::new(), ..record("x", 4) });
    end.cost.list = end.cost.amount;
    (end.guarded, end.decided, open.decided) = (None, None, None);
    open.profile = None;
    end.served.as_mut().unwrap().profile = None;
    let (mut bytes, mut first) = (Vec::new(), Vec::new());
    open.encode(&mut bytes);
    // The flags that the second format added: of the profile, and of the session.
    let dialect = bytes.windows(15).rposition(|part| part == b"\x0ebedrock_invoke").unwrap();
    bytes.remove(dialect - 1);
    let tier = bytes.windows(4).rposition(|part| part == b"flex").unwrap() + 4;
    first.extend_from_slice(&bytes[..tier]);
    first.extend_from_slice(&bytes[tier + 1..]);
    assert_eq!(OpenEntry::decode(&first, 1), Some(open));
    bytes.clear();
    encode_record(&end, &mut bytes);
    without_list_price(&mut bytes);
    let dialect = bytes.windows(17).position(|part| part == b"\x10openai_responses").unwrap();
    bytes.remove(dialect - 1);
    let request_id = bytes.windows(17).position(|part| part == b"\x10openai_responses").unwrap() + 17 + 3;
    bytes.remove(request_id);
    assert_eq!(decode_record(&bytes, 1), Some(end));
}
