//! Answers to what is no chat: vectors go on as they came, and words in their place are checked.

use crate::guarded::{EMAIL, SECRET, house, no_mail, no_secrets};
use crate::guarded_told::{answering, whole};
use crate::wire::Call;
use serde_json::{Value, json};
use tg_kernel::dialect::Dialect;
use tg_policy::guard::{Action, Style};

#[test]
fn words_in_an_answer_of_vectors_are_checked_and_vectors_go_on() {
    let vector = json!({"object": "embedding", "index": 0, "embedding": [0.125, -0.5]});
    let answer = |more: (&str, Value)| {
        let mut body = json!({"object": "list", "data": [vector], "model": "there", "usage": {"prompt_tokens": 3, "total_tokens": 3}});
        body[more.0] = more.1;
        whole(&body)
    };
    let openai = Dialect::OpenaiChat;
    let world = answering(
        &[
            ("bare", openai, answer(("id", json!("embd-5f3a")))),
            ("telling", openai, answer(("error", json!({"message": format!("no vector for {SECRET}")})))),
            ("naming", openai, answer(("note", json!(format!("asked by {EMAIL}"))))),
        ],
        house(vec![no_secrets(), no_mail(Action::Redact(Style::Tag))]),
    );
    let ask = |model: &str| {
        let body = json!({"model": model, "input": "a red bicycle"}).to_string();
        world.send(&Call::post("/v1/embeddings", body).header("content-type", "application/json"))
    };
    let bare = ask("bare");
    assert_eq!((bare.status, &bare.json()["data"][0]), (200, &vector), "{}", bare.text());
    let telling = ask("telling");
    assert!(!telling.text().contains(SECRET), "{}", telling.text());
    assert_eq!(telling.header("x-tallygate-error-code"), "content_blocked", "{}", telling.text());
    let naming = ask("naming");
    assert_eq!((naming.status, &naming.json()["data"][0]), (200, &vector), "{}", naming.text());
    assert_eq!(naming.json()["note"], "asked by [EMAIL_1]", "{}", naming.text());
}
