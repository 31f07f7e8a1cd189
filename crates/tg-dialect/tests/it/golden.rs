//! Every case of the corpus in every other dialect, beside the case itself: `request.snap`, `reply.snap`, `stream.snap`.

use crate::corpus::{Case, cases, readable};
use crate::speakers::{SPEAKERS, Speaker, reply_facts};
use serde_json::Value;
use std::fmt::Write as _;
use tg_kernel::chat::Content;
use tg_kernel::fault::Fault;

fn check(case: &Case, kind: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(&case.folder);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_description(format!("{} in every dialect", case.name));
    settings.bind(|| insta::assert_snapshot!(kind, text));
}

fn others(case: &Case) -> impl Iterator<Item = &'static Speaker> {
    SPEAKERS.iter().filter(|speaker| speaker.dialect != case.speaker.dialect)
}

/// One line for each member, and for each item of a member that is a list of objects.
fn pretty(body: &[u8]) -> String {
    let value: Value = serde_json::from_slice(body).unwrap();
    let mut text = String::new();
    for (name, value) in value.as_object().unwrap() {
        match value.as_array() {
            Some(items) if items.iter().any(Value::is_object) => {
                writeln!(text, "{name}:").unwrap();
                items.iter().for_each(|item| writeln!(text, "- {item}").unwrap());
            }
            _ => writeln!(text, "{name}: {value}").unwrap(),
        }
    }
    text
}

fn told(fault: &Fault) -> String {
    let param = fault.param.as_deref().unwrap_or("-");
    format!("fault {} {} at {param}: {}", fault.class.as_str(), fault.code, fault.message)
}

#[test]
fn requests() {
    for case in cases() {
        let Some(body) = case.request() else { continue };
        let mut text = String::new();
        match case.speaker.inbound.decode_request(&case.speaker.request_facts(), &body) {
            Err(fault) => text.push_str(&told(&fault)),
            Ok(request) => {
                for speaker in others(&case) {
                    writeln!(text, "=== {}", speaker.name()).unwrap();
                    match speaker.upstream.encode_request(&request, speaker.model) {
                        Err(fault) => writeln!(text, "{}\n", told(&fault)).unwrap(),
                        Ok(encoded) => {
                            let losses: Vec<String> = encoded.losses.iter().map(ToString::to_string).collect();
                            writeln!(text, "losses: {}", losses.join(", ")).unwrap();
                            writeln!(text, "{}", pretty(&encoded.body)).unwrap();
                        }
                    }
                }
            }
        }
        check(&case, "request", &text);
    }
}

#[test]
fn replies() {
    for case in cases() {
        let Some(body) = case.reply() else { continue };
        let reply = case.speaker.upstream.decode_reply(&body).unwrap_or_else(|fault| panic!("{}: {fault}", case.name));
        let summary = case.speaker.upstream.read_summary(&body);
        assert_eq!(summary.usage, reply.usage, "{}", case.name);
        // A summary reads no words: it may miss that they are a refusal.
        let refuses = reply.parts.iter().any(|part| matches!(part.content, Content::Refusal(_)));
        assert!(summary.stop == Some(reply.stop.reason) || refuses, "{}: {:?}", case.name, summary.stop);
        let mut text = format!("{:?}\n{:?}\n\n", reply.stop, reply.usage);
        for speaker in others(&case) {
            writeln!(text, "=== {}", speaker.name()).unwrap();
            writeln!(text, "{}", pretty(&speaker.inbound.encode_reply(&reply, &reply_facts()))).unwrap();
        }
        check(&case, "reply", &text);
    }
}

#[test]
fn streams() {
    for case in cases() {
        let Some(stream) = case.stream() else { continue };
        let (events, fault) = case.speaker.read(std::iter::once(&stream[..]));
        let mut text = String::new();
        events.iter().for_each(|event| writeln!(text, "{event:?}").unwrap());
        text.extend(fault.iter().map(|fault| format!("{}\n", told(fault))));
        for speaker in others(&case) {
            writeln!(text, "\n=== {}", speaker.name()).unwrap();
            text.push_str(readable(&speaker.write(&events, fault.as_ref())).trim_end());
            text.push('\n');
        }
        check(&case, "stream", &text);
    }
}
