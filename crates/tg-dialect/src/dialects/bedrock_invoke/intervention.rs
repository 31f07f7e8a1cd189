//! What InvokeModel answers in the model's place when a guardrail steps in, as an answer of Anthropic's Messages.

use crate::scan::Members;
use crate::splice::{Splice, json_string};
use bytes::Bytes;

/// The member by which an answer says whether a guardrail stepped in.
const ACTION: &str = "amazon-bedrock-guardrailAction";

/// What else Bedrock adds.
const TRACE: &str = "amazon-bedrock-trace";

/// The answer as Messages has it, with `refusal` as the reason of its end, if a guardrail stepped in; what it lacks of a
/// message is filled in. `None` for all other answers.
#[must_use]
pub fn intervened_message(body: &[u8], id: &str, model: &str) -> Option<Bytes> {
    memchr::memmem::find(body, ACTION.as_bytes())?;
    let members = Members::scan(body).ok()?;
    let action = members.string(ACTION).ok()??;
    if action != "INTERVENED" {
        return None;
    }
    let usage = br#"{"input_tokens":0,"output_tokens":0}"#.to_vec();
    let lacking = [
        ("id", json_string(id)),
        ("type", json_string("message")),
        ("role", json_string("assistant")),
        ("model", json_string(model)),
        ("content", b"[]".to_vec()),
        ("stop_sequence", b"null".to_vec()),
        ("usage", usage),
    ];
    let mut splice = Splice::new(&members).remove(ACTION).remove(TRACE).set("stop_reason", json_string("refusal"));
    for (name, json) in lacking {
        if members.get(name).is_none() {
            splice = splice.set(name, json);
        }
    }
    Some(splice.finish())
}

#[cfg(test)]
mod tests {
    use super::intervened_message;
    use serde_json::{Value, json};

    #[test]
    fn an_intervention_is_a_refusal_and_whole() {
        let text = json!([{"type": "text", "text": "Sorry."}]);
        let bare = json!({"type": "message", "role": "assistant", "content": text,
            "amazon-bedrock-trace": {"guardrail": {}}, "amazon-bedrock-guardrailAction": "INTERVENED"});
        let written = intervened_message(bare.to_string().as_bytes(), "msg_1", "claude").unwrap();
        assert_eq!(
            serde_json::from_slice::<Value>(&written).unwrap(),
            json!({"type": "message", "role": "assistant", "content": text, "stop_reason": "refusal", "id": "msg_1",
                "model": "claude", "stop_sequence": null, "usage": {"input_tokens": 0, "output_tokens": 0}})
        );
        let whole = json!({"id": "msg_2", "type": "message", "role": "assistant", "model": "m", "content": text,
            "stop_reason": "end_turn", "stop_sequence": null, "usage": {"input_tokens": 5, "output_tokens": 9},
            "amazon-bedrock-guardrailAction": "INTERVENED"});
        let written = intervened_message(whole.to_string().as_bytes(), "msg_1", "claude").unwrap();
        let written: Value = serde_json::from_slice(&written).unwrap();
        assert_eq!((&written["id"], &written["stop_reason"]), (&json!("msg_2"), &json!("refusal")));
        assert_eq!(written["usage"]["output_tokens"], 9);
        for body in
            [r#"{"amazon-bedrock-guardrailAction":"NONE"}"#, r#"{"content":"amazon-bedrock-guardrailAction"}"#, "{"]
        {
            assert_eq!(intervened_message(body.as_bytes(), "", ""), None, "{body}");
        }
    }
}
