//! Files that go with a call: what they say is judged like what is said beside them, and what cannot be read goes nowhere.

use crate::guarded::{EMAIL, SECRET, house, no_mail, no_secrets, told};
use crate::outside::outside;
use crate::speak::{Manner, ask, error};
use crate::wire::Call;
use crate::world::{Setup, World};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tg_kernel::dialect::Dialect;
use tg_kernel::guarded::{Action as Done, Verdict, Way};
use tg_kernel::passage::Channel;
use tg_kernel::record::Record;
use tg_policy::guard::{Action, Channels, Medium, On, Rule, Set, Style};

/// A PDF of one page that says this.
fn pdf(text: &str) -> Vec<u8> {
    page(&format!("BT /F1 12 Tf 50 700 Td ({text}) Tj ET"), "")
}

/// A PDF of one page with this content, and something more in its trailer.
fn page(content: &str, trailer: &str) -> Vec<u8> {
    let objects = [
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        "<</Type/Pages/Kids[3 0 R]/Count 1>>".to_owned(),
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>/XObject<</X 6 0 R>>>>>>".to_owned(),
        format!("<</Length {}>>\nstream\n{content}\nendstream", content.len()),
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>".to_owned(),
        "<</Type/XObject/Subtype/Image/Width 1/Height 1/Length 1>>\nstream\nx\nendstream".to_owned(),
    ];
    let mut out = "%PDF-1.7\n%##\n".to_owned();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (number, object) in (1..).zip(&objects) {
        table += &format!("{:010} 00000 n \n", out.len());
        out += &format!("{number} 0 obj\n{object}\nendobj\n");
    }
    let start = out.len();
    let size = objects.len() + 1;
    let mut file =
        (out + &table + &format!("trailer\n<</Size {size}/Root 1 0 R{trailer}>>\nstartxref\n{start}\n%%EOF\n"))
            .into_bytes();
    // As all writers do, so that nobody takes it for a text.
    file[10..12].fill(0xff);
    file
}

/// The sum that packages have of what is in them.
fn sum(bytes: &[u8]) -> u32 {
    let step = |sum: u32, _| if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 };
    !bytes.iter().fold(u32::MAX, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), step))
}

/// A Word file that says this.
fn docx(text: &str) -> Vec<u8> {
    let document = format!("<w:document><w:body><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:body></w:document>");
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, text) in [("[Content_Types].xml", "<Types/>"), ("word/document.xml", document.as_str())] {
        let size = u32::try_from(text.len()).unwrap().to_le_bytes();
        let start = u32::try_from(out.len()).unwrap().to_le_bytes();
        let name_length = u16::try_from(name.len()).unwrap().to_le_bytes();
        let sum = sum(text.as_bytes()).to_le_bytes();
        let common = [&[20, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &sum, &size, &size, &name_length, &[0, 0]].concat();
        out.extend([b"PK\x03\x04", common.as_slice(), name.as_bytes(), text.as_bytes()].concat());
        directory.extend([b"PK\x01\x02\x14\0", common.as_slice(), &[0; 10], &start, name.as_bytes()].concat());
    }
    let start = u32::try_from(out.len()).unwrap().to_le_bytes();
    let size = u32::try_from(directory.len()).unwrap().to_le_bytes();
    [out.as_slice(), &directory, b"PK\x05\x06\0\0\0\0\x02\0\x02\0", &size, &start, &[0, 0]].concat()
}

fn reading(rules: Vec<Rule>) -> Set {
    Set { reads_documents: true, ..house(rules) }
}

fn world(guards: Vec<Set>) -> World {
    World::with(Setup { guards, ..Setup::default() })
}

const WORD: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";

/// Calls with a file in each place that a dialect has for one.
fn calls(file: &[u8], format: &str) -> Vec<(&'static str, Call)> {
    let media_type = if format == "pdf" { "application/pdf" } else { WORD };
    let data = STANDARD.encode(file);
    let url = format!("data:{media_type};base64,{data}");
    let name = format!("a.{format}");
    let block = json!({"type": "document", "source": {"type": "base64", "media_type": media_type, "data": data}});
    let with = |dialect, model: &str, change: &dyn Fn(&mut Value)| {
        let mut call = ask(dialect, Manner::Plain, model, "read this");
        let mut body: Value = serde_json::from_slice(&call.body).unwrap();
        change(&mut body);
        call.body = body.to_string().into_bytes();
        call
    };
    let said = |part: &Value| json!([{"type": "text", "text": "read this"}, part]);
    let chat = json!({"type": "file", "file": {"filename": name, "file_data": url}});
    let responses = json!({"role": "user", "content": [{"type": "input_text", "text": "read"},
        {"type": "input_file", "filename": name, "file_data": url}]});
    let converse = json!([{"text": "read"}, {"document": {"format": format, "name": "a", "source": {"bytes": data}}}]);
    let content = "/messages/0/content";
    let mut all = vec![
        ("chat", with(Dialect::OpenaiChat, "on-openai", &|body| *body.pointer_mut(content).unwrap() = said(&chat))),
        ("responses", with(Dialect::OpenaiResponses, "on-openai", &|body| body["input"] = json!([responses]))),
        (
            "converse",
            with(Dialect::BedrockConverse, "on-bedrock", &|body| {
                *body.pointer_mut(content).unwrap() = converse.clone();
            }),
        ),
    ];
    if format == "pdf" {
        let messages =
            |dialect, model: &str| with(dialect, model, &|body| *body.pointer_mut(content).unwrap() = said(&block));
        all.push(("messages", messages(Dialect::AnthropicMessages, "on-anthropic")));
        all.push(("invoke", messages(Dialect::BedrockInvoke, "on-bedrock")));
        all.push(("tool result", with(Dialect::AnthropicMessages, "on-anthropic", &|body| {
            let used = json!({"type": "tool_use", "id": "toolu_1", "name": "fetch", "input": {}});
            let result = json!({"type": "tool_result", "tool_use_id": "toolu_1", "content": [block]});
            body["tools"] = json!([{"name": "fetch", "input_schema": {"type": "object", "properties": {}}}]);
            body["messages"] = json!([{"role": "user", "content": "hello"}, {"role": "assistant", "content": [used]},
                {"role": "user", "content": [result]}]);
        })));
    }
    all
}

fn hits(row: &Record) -> Vec<(String, String, Done)> {
    let hits = row.guarded.as_ref().map(|guarded| guarded.hits.clone()).unwrap_or_default();
    hits.into_iter().map(|hit| (hit.rule.to_string(), hit.found.to_string(), hit.action)).collect()
}

#[test]
fn what_a_file_says_is_judged_wherever_it_is_handed_in() {
    let world = world(vec![reading(vec![no_secrets()])]);
    for (format, make) in [("pdf", pdf as fn(&str) -> Vec<u8>), ("docx", docx)] {
        let fine = make("nothing to see");
        for (place, call) in calls(&fine, format) {
            let answer = world.send(&call);
            assert_eq!(answer.status, 200, "{place} {format}: {}", answer.text());
            let row = world.row(&answer);
            assert_eq!(row.guarded.as_ref().unwrap().verdict, Verdict::Passed, "{place} {format}");
            assert!(told(&world, &row).contains(&STANDARD.encode(&fine)), "{place} {format}: it goes on as it was");
        }
        let sent = world.sim.books.entries().len();
        for (place, call) in calls(&make(&format!("deploy with {SECRET} please")), format) {
            let answer = world.send(&call);
            assert_eq!(answer.header("x-tallygate-guardrail"), "house/secrets", "{place} {format}: {}", answer.text());
            let hit = world.row(&answer).guarded.unwrap().hits.remove(0);
            let channel = if place == "tool result" { Channel::ToolResult } else { Channel::Document };
            assert_eq!((hit.channel, hit.way, hit.action), (channel, Way::Input, Done::Blocked), "{place} {format}");
        }
        assert_eq!(world.sim.books.entries().len(), sent);
    }
}

#[test]
fn a_rule_that_would_change_a_file_stops_the_call_and_says_why() {
    for action in [Action::Redact(Style::Tag), Action::Restore(Style::Tag)] {
        let world = world(vec![reading(vec![no_mail(action)])]);
        for (place, call) in calls(&pdf(&format!("write to {EMAIL} now")), "pdf") {
            let answer = world.send(&call);
            assert_eq!(answer.header("x-tallygate-guardrail"), "house/mail", "{place}: {}", answer.text());
            assert!(answer.text().contains("a file is not changed"), "{place}: {}", answer.text());
            let row = world.row(&answer);
            assert_eq!(hits(&row), [("mail".to_owned(), "email".to_owned(), Done::Blocked)], "{place}");
        }
    }
    let world = world(vec![reading(vec![no_mail(Action::Annotate)])]);
    for (place, call) in calls(&pdf(&format!("write to {EMAIL} now")), "pdf") {
        let answer = world.send(&call);
        assert_eq!(answer.status, 200, "{place}: {}", answer.text());
        assert_eq!(hits(&world.row(&answer)), [("mail".to_owned(), "email".to_owned(), Done::Annotated)], "{place}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_not_taken_for_an_empty_one() {
    let world = world(vec![reading(vec![no_secrets()])]);
    let whole = pdf("hello");
    let mut cut = docx("hello");
    cut.truncate(cut.len() - 9);
    let none = [
        (page("/X Do", ""), "pdf", "no_text", "it has no text"),
        (page("BT /F1 9 Tf (a) Tj ET", "/Encrypt 5 0 R"), "pdf", "encrypted", "it is encrypted"),
        (whole[..60].to_vec(), "pdf", "damaged", "it is damaged"),
        (cut, "docx", "damaged", "it is damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 Word of old".repeat(9), "docx", "unknown_format", "its format is not read"),
    ];
    for (file, format, name, told) in none {
        for (place, call) in calls(&file, format) {
            let answer = world.send(&call);
            assert_eq!(answer.header("x-tallygate-guardrail"), "house/unreadable", "{place} {name}: {}", answer.text());
            assert!(answer.text().contains(told), "{place} {name}: {}", answer.text());
            let row = world.row(&answer);
            assert_eq!(hits(&row), [("unreadable".to_owned(), format!("document_{name}"), Done::Blocked)], "{place}");
        }
    }
    assert!(world.sim.books.entries().is_empty());
}

#[test]
fn sets_that_do_not_read_files_let_them_go_and_hide_none_from_those_that_do() {
    let named = |name: &str, set: Set| Set { name: name.into(), ..set };
    let file = pdf(&format!("deploy with {SECRET} please"));
    let one = &calls(&file, "pdf")[0].1;
    let blind = world(vec![house(vec![no_secrets()])]);
    assert_eq!(blind.send(one).status, 200);
    let both =
        world(vec![named("blind", house(vec![no_mail(Action::Block)])), named("reads", reading(vec![no_secrets()]))]);
    let answer = both.send(one);
    assert_eq!(answer.header("x-tallygate-guardrail"), "reads/secrets", "{}", answer.text());
    // The rules of a set that lets files go do not look into them.
    let mail = &calls(&pdf(&format!("write to {EMAIL}")), "pdf")[0].1;
    assert_eq!(both.send(mail).status, 200);
    let strict = Set { blocked_media: vec![Medium::Document], ..named("strict", house(vec![no_mail(Action::Block)])) };
    let world = world(vec![strict, named("reads", reading(vec![no_secrets()]))]);
    assert_eq!(world.send(mail).header("x-tallygate-guardrail"), "strict/unreadable");
}

#[test]
fn pictures_in_a_file_are_pictures() {
    let file = page("BT /F1 9 Tf (hello) Tj ET /X Do", "");
    for (place, call) in calls(&file, "pdf") {
        let lets = world(vec![reading(vec![no_secrets()])]);
        assert_eq!(lets.send(&call).status, 200, "{place}");
        let blocks = world(vec![Set { blocked_media: vec![Medium::Image], ..reading(vec![no_secrets()]) }]);
        let answer = blocks.send(&call);
        assert!(answer.text().contains("image in a document"), "{place}: {}", answer.text());
    }
}

#[test]
fn services_outside_are_asked_about_files_and_take_nothing_out_of_them() {
    let services =
        "- { name: applied, kind: bedrock_guardrail, provider: bedrock, guardrail: { id: gr1, version: '3' } }\n";
    let with = |action| {
        let channels = Some(Channels::of(&[Channel::Document]));
        let rules = vec![Rule { channels, ..outside("applied", action, On::Input) }];
        World::with(Setup { guards: vec![reading(rules)], services: services.to_owned(), ..Setup::default() })
    };
    for (action, text) in [(Action::Block, "something forbidden"), (Action::Redact(Style::Tag), "say mask-me now")] {
        let world = with(action);
        let fine = world.send(&calls(&pdf("hello"), "pdf")[0].1);
        assert_eq!(fine.status, 200, "{}", fine.text());
        let answer = world.send(&calls(&pdf(text), "pdf")[0].1);
        assert_eq!(answer.header("x-tallygate-guardrail"), "house/applied", "{text}: {}", answer.text());
        let (kind, _) = error(Dialect::OpenaiChat, &answer);
        assert_eq!(kind, "content_filter");
    }
}
