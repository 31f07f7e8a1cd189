//! Guardrails of Amazon Bedrock on a provider's calls.

use crate::bad_input::check;
use tg_config::load::from_text;

fn provider(guardrail: &str, more: &str) -> String {
    format!("providers: [{{name: b, kind: bedrock, region: us-east-1, guardrail: {guardrail}{more}}}]\n")
}

#[test]
fn names_that_aws_would_refuse_are_refused() {
    let place = |member: &str| format!("providers[0].guardrail.{member}");
    for (guardrail, member) in [
        ("{id: GR1, version: '1'}", "id"),
        ("{id: '', version: '1'}", "id"),
        ("{id: gr/1, version: '1'}", "id"),
        ("{id: 'arn:aws:bedrock:us-east-1:123:guardrail/gr1', version: '1'}", "id"),
        ("{id: 'arn:aws:bedrock:us-east-1:123456789012:agent/gr1', version: '1'}", "id"),
        ("{id: gr1, version: draft}", "version"),
        ("{id: gr1, version: '0'}", "version"),
        ("{id: gr1, version: '123456789'}", "version"),
    ] {
        check(&provider(guardrail, ""), &[(&place(member), "guardrail")]);
    }
    for guardrail in [
        "{id: gr1, version: DRAFT}",
        "{id: 'arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:guardrail/gr1', version: '12'}",
    ] {
        from_text("test.yaml", &provider(guardrail, "")).unwrap();
    }
}

#[test]
fn calls_that_would_go_around_a_guardrail_are_refused() {
    let guardrail = "{id: gr1, version: '3'}";
    let place = "providers[0].guardrail";
    for (more, part) in [
        (", async_output: ['s3://bucket/{team}']", "`async_output`"),
        (", surfaces: [{models: ['*'], dialects: [openai_chat], endpoint: mantle}]", "providers[0].surfaces[0]"),
        (", surfaces: [{models: ['*'], dialects: [openai_chat, openai_responses], endpoint: runtime}]", "surfaces[0]"),
    ] {
        check(&provider(guardrail, more), &[(place, part)]);
    }
    let fine = ", surfaces: [{models: ['*'], dialects: [openai_chat], endpoint: runtime}]";
    from_text("test.yaml", &provider(guardrail, fine)).unwrap();
    let other = "providers: [{name: a, kind: anthropic, api_key: env:K, guardrail: {id: gr1, version: '3'}}]";
    check(other, &[(place, "kind: bedrock")]);
}
