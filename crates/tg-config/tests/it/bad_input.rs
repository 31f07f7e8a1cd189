//! Bad files: every problem, at its place, with a mend, and never a secret.

use tg_config::load::{from_file, from_text};
use tg_config::problem::Problems;

/// Stands before each text that is about something else, so that a provider is there.
pub(crate) const OK: &str = "providers: [{name: a, kind: anthropic, api_key: env:K}]\n";

fn problems(text: &str) -> Problems {
    let problems = from_text("test.yaml", text).expect_err(text);
    assert!(problems.all.iter().all(|p| !p.message.is_empty() && !p.hint.is_empty()), "{problems}");
    problems
}

/// Each problem as `path: part of what is shown`.
pub(crate) fn check(text: &str, expected: &[(&str, &str)]) {
    let problems = problems(text);
    let paths: Vec<String> = problems.all.iter().map(|p| p.path.to_string()).collect();
    let wanted: Vec<&str> = expected.iter().map(|(path, _)| *path).collect();
    assert_eq!(paths, wanted, "\n{text}\n{problems}");
    for (problem, (_, part)) in problems.all.iter().zip(expected) {
        let shown = problem.to_string();
        assert!(shown.contains(part), "{shown:?} lacks {part:?}");
    }
}

#[test]
fn not_yaml_or_outside_of_the_subset() {
    for (text, part) in [
        ("a: [1", "this is not YAML"),
        ("a: b: c", "this is not YAML"),
        ("listen:\n\taddress: x", "not YAML"),
        ("listen: &x {}\nadmin: {}", "anchor"),
        ("a: &x [1]\nb: [*x, *x]", "anchor"),
        ("listen: !!map {}", "tag"),
        ("drain: {}\n---\ndrain: {}", "second document"),
        ("[a, b]: c", "key that is no plain text"),
        ("? {a: b}\n: c", "key that is no plain text"),
        ("drain: {}\nlisten: {}\ndrain: {}", "drain: stands here a second time, first in line 1"),
        ("%YAML 1.1\n---\na: b", "YAML"),
    ] {
        let shown = problems(text).to_string();
        assert!(shown.contains(part), "{shown}");
    }
    let deep = format!("a: {}", "[".repeat(10_000));
    let bomb = "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n";
    let many = format!("a: [{}]", "x,".repeat(300_000));
    let wide = format!("a: {{{}}}", (0..300).map(|n| format!("k{n}: 1,")).collect::<String>());
    let block = (0..200).fold(String::new(), |text, n| format!("{text}{}a:\n", " ".repeat(n)));
    for text in [deep.as_str(), bomb, &many, &wide, &block, &"x".repeat(5 << 20)] {
        assert_eq!(problems(text).all.len(), 1);
    }
}

#[test]
fn files_that_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tallygate.yaml");
    assert!(from_file(&path).unwrap_err().to_string().contains("cannot be read"));
    std::fs::write(&path, b"a: \xff").unwrap();
    assert!(from_file(&path).unwrap_err().to_string().contains("not UTF-8"));
    std::fs::write(&path, vec![b'#'; (4 << 20) + 1]).unwrap();
    assert!(from_file(&path).unwrap_err().to_string().contains("larger than 4 MiB"));
}

#[test]
fn discounts_that_are_none_or_hold_twice() {
    let path = "pricing.discounts[0]";
    let member = |name: &str| format!("{path}.{name}");
    for (list, at, part) in [
        ("{name: d, provider: a}", path.to_owned(), "takes nothing off"),
        ("{name: d, provider: a, rates: {}}", path.to_owned(), "takes nothing off"),
        ("{name: d, provider: a, percent: 8%, rates: {input: 1.00 USD per 1M tokens}}", path.to_owned(), "has both"),
        ("{name: d, provider: a, percent: 101%}", member("percent"), "is more than all of it"),
        ("{name: d, provider: a, percent: 100.0001%}", member("percent"), "is more than all of it"),
        ("{name: d, provider: a, percent: 0%}", member("percent"), "is nothing"),
        ("{name: d, provider: a, percent: -5%}", member("percent"), "percentage"),
        ("{name: d, provider: a, percent: '5'}", member("percent"), "12.5%"),
        ("{name: d, provider: a, percent: 5%, from: soon}", member("from"), "2026-12-01"),
        ("{name: d, provider: a, percent: 5%, from: 2026-13-01}", member("from"), "is not a point in time"),
        ("{name: d, provider: a, percent: 5%, until: '2026-12-01T00:00:00'}", member("until"), "with its offset"),
        ("{name: d, provider: a, percent: 5%, from: 2026-12-01, until: 2026-12-01}", member("until"), "is not after"),
        ("{name: d, provider: b, percent: 5%}", member("provider"), "`b` is the name of no provider"),
        ("{name: d, provider: a, percent: 5%, terms: reserved}", member("terms"), "committed"),
        (
            "{name: d, provider: a, percent: 5%, until: 2026-12-02}, {name: e, provider: a, percent: 9%, from: 2026-12-01}",
            "pricing.discounts[1]".to_owned(),
            "holds for the same calls as `d`",
        ),
        (
            "{name: d, provider: a, percent: 5%, model: x}, {name: d, provider: a, percent: 9%}",
            "pricing.discounts[1].name".to_owned(),
            "already the name",
        ),
    ] {
        check(&format!("{OK}pricing: {{discounts: [{list}]}}\n"), &[(&at, part)]);
    }
    let fine = "{name: d, provider: a, percent: 5%, until: 2026-12-01}, {name: e, provider: a, percent: 12.5 %, from: \
                2026-12-01}, {name: f, provider: '*', model: claude-*, rates: {output: 9.00 USD per 1M tokens}}";
    let read = from_text("test.yaml", &format!("{OK}pricing: {{discounts: [{fine}]}}\n")).unwrap();
    assert_eq!(read.pricing.discounts[1].percent.map(|percent| percent.to_string()).as_deref(), Some("12.5%"));
}

#[test]
fn commitments_under_which_calls_are_free_or_paid_twice() {
    let own = |name: &str| format!("pricing.commitments[0]{name}");
    let of_discount = "pricing.discounts[0]".to_owned();
    let fine = "name: c, provider: a, hourly: 39.60 USD, from: 2026-11-01, until: 2027-05-01";
    let covers = "name: c, provider: a, percent: 100%, terms: committed, from: 2026-11-01, until: 2027-05-01";
    let later = covers.replace("2027-05-01", "2027-06-01");
    for (commitment, discount, at, part) in [
        (&*fine.replace("hourly: 39.60 USD, ", ""), covers, own(""), "states no cost"),
        (&format!("{fine}, monthly: 1 USD"), covers, own(""), "has both"),
        (
            &format!("{fine}, quantity: 0"),
            covers,
            own(".quantity"),
            "0 is out of range; write a number from 1 to 10000",
        ),
        (
            &fine.replace("2026-11-01", "'2026-11-01T00:30:00Z'"),
            &*covers.replace("2026-11-01", "2026-11-02"),
            own(".from"),
            "is within an hour",
        ),
        (
            &fine.replace("2027-05-01", "2026-10-01"),
            &covers.replace("2027-05-01", "2026-10-01").replace("from: 2026-11-01", "from: 2026-09-01"),
            own(".until"),
            "is not after `from`",
        ),
        (
            &fine.replace("provider: a", "provider: b"),
            &covers.replace("provider: a", "provider: '*'"),
            own(".provider"),
            "`b` is the name of no provider",
        ),
        (&fine.replace("name: c", "name: d"), covers, own(".name"), "no discount is named `d`"),
        (fine, &covers.replace("100%", "90%"), of_discount.clone(), "whose calls cost nothing beside it"),
        (fine, &covers.replace("terms: committed, ", ""), of_discount.clone(), "whose calls cost nothing beside it"),
        (fine, &later, of_discount.clone(), "calls would be free then"),
        (fine, &covers.replace(", from: 2026-11-01", ""), of_discount.clone(), "calls would be free then"),
    ] {
        let text = format!("{OK}pricing: {{discounts: [{{{discount}}}], commitments: [{{{commitment}}}]}}\n");
        let Err(refused) = from_text("test.yaml", &text) else { panic!("{text}") };
        let said = refused.to_string();
        assert!(said.contains(&at) && said.contains(part), "{text}: {said}");
    }
    let two = OK.replace("}]", "}, {name: ab, kind: anthropic, api_key: env:K}]");
    for (wide, refused) in [("'*'", true), ("'a*'", true), ("a", false), ("'*a'", false)] {
        let covers = covers.replace("provider: a", &format!("provider: {wide}"));
        let text = format!("{two}pricing: {{discounts: [{{{covers}}}], commitments: [{{{fine}}}]}}\n");
        if refused {
            check(
                &text,
                &[("pricing.discounts[0].provider", "is also `ab`, and calls there would be free; write `a`")],
            );
        } else {
            from_text("test.yaml", &text).unwrap();
        }
    }
    let text = format!("{OK}pricing: {{discounts: [{{{covers}}}], commitments: [{{{fine}}}]}}\n");
    assert_eq!(from_text("test.yaml", &text).unwrap().pricing.committed()[0].quantity, 1);
}

#[test]
fn limits_that_would_do_nothing() {
    let limits = |list: &str| {
        format!(
            "{OK}models: [{{name: fast, targets: [{{provider: a}}]}}]\n\
             teams: [{{name: red, projects: [x], environments: [dev]}}]\n\
             identity: {{default_project: general, tags: {{allow: [user]}}}}\nlimits: [{list}]\n"
        )
    };
    for (list, expected) in [
        ("{name: l}", &[("limits[0]", "bounds nothing")][..]),
        ("{requests: 1/m}", &[("limits[0].name", "is missing")]),
        ("{name: l, requests: 600}", &[("limits[0].requests", "600/m")]),
        ("{name: l, requests: 0/m}", &[("limits[0].requests", "lets nothing through")]),
        ("{name: l, requests: 1/m, each: [user]}", &[("limits[0].each[0]", "`tag:NAME`")]),
        ("{name: l, requests: 1/m, each: [key, key]}", &[("limits[0].each[1]", "twice")]),
        ("{name: l, concurrent: 3, burst: 1s}", &[("limits[0].burst", "has no rate")]),
        ("{name: l, requests: 1/m, reserve: most}", &[("limits[0].reserve", "no output tokens")]),
        ("{name: l, requests: 1/m, output: cut}", &[("limits[0].output", "no output tokens")]),
        ("{name: l, tokens: 1k/m, output: trim}", &[("limits[0].output", "refuse")]),
        ("{name: l, tokens: 1k/m, output_min: 20}", &[("limits[0].output_min", "nothing is clamped or cut")]),
        ("{name: l, tokens: 1k/m, output: clamp, output_min: 15}", &[("limits[0].output_min", "16 output tokens")]),
        (
            "{name: l, tokens: 1k/m, output: cut, output_min: 1001}",
            &[("limits[0].output_min", "ever lets through (1000)")],
        ),
        ("{name: l, requests: 1/m}, {name: l, tokens: 1/m}", &[("limits[1].name", "already the name")]),
        ("{name: l, requests: 1/m, for: {provider: b}}", &[("limits[0].for.provider", "no provider")]),
        ("{name: l, requests: 1/m, for: {model: fastt}}", &[("limits[0].for.model", "no model")]),
        ("{name: l, requests: 1/m, for: {team: red, project: y}}", &[("limits[0].for.project", "has no project")]),
        ("{name: l, requests: 1/m, for: {team: red, environment: prod}}", &[("limits[0].for.environment", "has no")]),
        (
            "{name: l, requests: 1/m, each: [key, 'tag:other'], for: {team: red}}",
            &[("limits[0].each[1]", "without `other`")],
        ),
        ("{name: l, requests: 1/m, for: {team: red, tag: other=1}}", &[("limits[0].for.tag", "without `other`")]),
    ] {
        check(&limits(list), expected);
    }
    // Without `models` the usual ones are served: a name that none of them is counts nothing either.
    let usual = |model: &str| format!("{OK}limits: [{{name: l, requests: 1/m, for: {{model: {model}}}}}]\n");
    for model in ["gptt-5", "gpt-5", "'gpt-*'"] {
        check(&usual(model), &[("limits[0].for.model", "is served by no provider here")]);
    }
    for model in ["claude-opus-4-1", "'claude-*'", "'*-opus'", "'*'"] {
        from_text("test.yaml", &usual(model)).unwrap();
    }
    let bedrock = "providers: [{name: b, kind: bedrock, region: us-east-1}]\n";
    from_text("test.yaml", &usual("'guardrail/*'").replace(OK, bedrock)).unwrap();
    check(&usual("'guardrail/*'"), &[("limits[0].for.model", "is served by no provider here")]);
    // Who may be served by what is wrong in itself is not complained of.
    let unread = usual("gpt-5").replace("]\nlimits", ", {name: b, kind: openai}]\nlimits");
    check(&unread, &[("providers[1].api_key", "is missing")]);
    let general =
        "{name: l, requests: 1/m, for: {team: red, project: general}}, {name: m, requests: 1/m, each: ['tag:any']}";
    assert!(from_text("test.yaml", &limits(general)).is_ok());
    let good =
        "{name: l, requests: 1/m, concurrent: 3, each: ['tag:user', team], for: {team: red, project: x, model: 'f*'}}";
    assert!(from_text("test.yaml", &limits(good)).is_ok());
}

#[test]
fn unknown_members() {
    check(&format!("{OK}listn: {{}}"), &[("listn", "did you mean `listen`?")]);
    check(&format!("{OK}zzzzzzzz: 1"), &[("zzzzzzzz", "known: `listen`, `admin`")]);
    check(
        &format!("{OK}listen: {{adress: '127.0.0.1:1', port: 3}}"),
        &[("listen.adress", "did you mean `address`?"), ("listen.port", "known: `address`")],
    );
    check(
        "providers: [{name: a, kind: anthropic, api_kye: env:K}]",
        &[("providers[0].api_kye", "did you mean `api_key`?")],
    );
    check(&format!("{OK}'<<': {{}}"), &[("<<", "is not known here")]);
}

#[test]
fn wrong_types_and_values() {
    for (text, path, part) in [
        ("listen:", "listen", "has no value; remove it"),
        ("listen: []", "listen", "is a list; write its members"),
        ("listen: {address: 8080}", "listen.address", "is a number; write a text, as in \"127.0.0.1:8080\""),
        ("listen: {address: 'localhost:80'}", "listen.address", "is not an IP address with a port"),
        ("listen: {head_timeout: 30}", "listen.head_timeout", "is a number; write a text, as in \"30s\""),
        ("listen: {head_timeout: 30x}", "listen.head_timeout", "`30x` is not a duration"),
        ("listen: {body_bytes_max: 32MB}", "listen.body_bytes_max", "as in `32 MiB`"),
        ("listen: {body_bytes_max: 2 GiB}", "listen.body_bytes_max", "more than 1 GiB"),
        ("listen: {workers: 0}", "listen.workers", "0 is out of range; write a number from 1 to 1024"),
        ("listen: {workers: 1.5}", "listen.workers", "write a whole number"),
        ("listen: {workers: 007}", "listen.workers", "write a whole number"),
        ("listen: {tls: {certificate: a}}", "listen.tls.key", "is missing; add `key: …`"),
        ("streams: {keepalive: no}", "streams.keepalive", "or `off`"),
        ("streams: {on_disconnect: drain}", "streams.on_disconnect", "drain"),
        ("streams: {on_disconnect: {drain: {time: 1s}}}", "streams.on_disconnect.drain.time", "known: `time_max`"),
        ("streams: {on_disconnect: {cancel: {}}}", "streams.on_disconnect", "known: `cancel`, `drain: …`"),
        ("telemetry: {log: {level: information}}", "telemetry.log.level", "known: `error`"),
        ("telemetry: {log: {level: inf}}", "telemetry.log.level", "did you mean `info`?"),
        ("telemetry: {otlp: {endpoint: 'http://c', sample_ratio: 10}}", "telemetry.otlp.sample_ratio", "from 0 to 1"),
        ("telemetry: {otlp: {endpoint: c}}", "telemetry.otlp.endpoint", "does not begin with"),
        ("identity: {tags: {max: 51}}", "identity.tags.max", "from 0 to 50"),
        ("identity: {tags: {sources: [query]}}", "identity.tags.sources[0]", "known: `header`, `body`"),
        ("models: [{name: m, targets: []}]", "models[0].targets", "is empty; write 1 to 16 entries"),
        ("models: [{name: a*b, targets: [{provider: a}]}]", "models[0].name", "`*` in a place"),
        ("teams: [{name: Search}]", "teams[0].name", "a-z, 0-9"),
        ("teams: [{name: t, projects: [2024]}]", "teams[0].projects[0]", "is a number; write a text"),
        (
            "pricing: {ceiling: {input: 3, output: 1 USD per 1M tokens}}",
            "pricing.ceiling.input",
            "20.00 USD per 1M tokens",
        ),
    ] {
        check(&format!("{OK}{text}"), &[(path, part)]);
    }
}

#[test]
fn providers_of_each_kind() {
    for (provider, expected) in [
        ("{name: p, kind: anthropc, api_key: env:K}", vec![("providers[0].kind", "did you mean `anthropic`?")]),
        ("{name: p, kind: openai}", vec![("providers[0].api_key", "is missing")]),
        ("{kind: openai, api_key: env:K}", vec![("providers[0].name", "is missing")]),
        ("{name: p, kind: bedrock}", vec![("providers[0].region", "is missing")]),
        ("{name: p, kind: bedrock, region: useast1, api_key: env:K}", vec![("providers[0].region", "us-east-1")]),
        (
            "{name: p, kind: bedrock, region: us-east-1, credentials: {access_key_id: env:A}}",
            vec![("providers[0].credentials.secret_access_key", "is missing")],
        ),
        (
            "{name: p, kind: bedrock, region: us-east-1, api_key: env:K, credentials: {access_key_id: env:A, \
             secret_access_key: env:B}}",
            vec![("providers[0].api_key", "stands beside `credentials`")],
        ),
        (
            "{name: p, kind: bedrock, region: us-east-1, credentials: chains}",
            vec![("providers[0].credentials", "did you mean `chain`?")],
        ),
        (
            "{name: p, kind: bedrock, region: us-east-1, credentials: {profil: x}}",
            vec![("providers[0].credentials", "is not one of the words that can stand here")],
        ),
        (
            "{name: p, kind: openai, api_key: env:K, fips: true, assume_role: {role_arn: x}}",
            vec![("providers[0].fips", "has no meaning"), ("providers[0].assume_role", "has no meaning")],
        ),
        (
            "{name: p, kind: bedrock, region: us-east-1, fips: true, base_url: 'https://vpce.example.com'}",
            vec![("providers[0].fips", "name the FIPS endpoint in `base_url`")],
        ),
        (
            "{name: p, kind: openai, api_key: env:K, region: us-east-1, preset: groq}",
            vec![
                ("providers[0].region", "has no meaning for the kind `openai`; remove it, or write `kind: bedrock`"),
                ("providers[0].preset", "write `kind: openai_compatible`"),
            ],
        ),
        (
            "{name: p, kind: anthropic, api_key: env:K, quirks: {responses: true}}",
            vec![("providers[0].quirks", "no meaning")],
        ),
        ("{name: p, kind: openai_compatible}", vec![("providers[0].base_url", "is missing")]),
        (
            "{name: p, kind: openai_compatible, preset: azure, api_key: env:K}",
            vec![("providers[0].base_url", "is missing")],
        ),
        (
            "{name: p, kind: openai_compatible, preset: grok, api_key: env:K}",
            vec![("providers[0].preset", "did you mean `groq`?")],
        ),
        ("{name: p, kind: openai_compatible, preset: groq}", vec![("providers[0].api_key", "is missing")]),
    ] {
        check(&format!("providers: [{provider}]"), &expected);
    }
    check("", &[("providers", "there is no provider")]);
    check(
        &format!("{OK}models: [{{name: m, targets: [{{provider: b}}]}}]"),
        &[("models[0].targets[0].provider", "there is no provider `b`; did you mean `a`?")],
    );
}

#[test]
fn what_only_bedrock_has() {
    for (provider, expected) in [
        (
            "{name: p, kind: openai, api_key: env:K, request_metadata: off, control_url: 'https://x.example', \
             inference_profiles: [{model: m, team: t}], async_output: ['s3://b']}",
            vec![
                ("providers[0].request_metadata", "write `kind: bedrock`"),
                ("providers[0].control_url", "write `kind: bedrock`"),
                ("providers[0].inference_profiles", "write `kind: bedrock`"),
                ("providers[0].async_output", "write `kind: bedrock`"),
            ],
        ),
        (
            "{name: p, kind: bedrock, region: us-east-1, api_key: env:K, async_output: ['s3://b', 's3://b-{team}/{project}/x/', \
             'b/x', 's3://', 's3://B', 's3://b/{user}/', 's3://b/x*', 's3://b/a//b', 's3://b/../c', \
             's3://b/{team}-{project}', 's3://b/{project}', 's3://b/{project}/{team}', 's3://b/x-{team}/p-{project}']}",
            vec![
                ("providers[0].async_output[2]", "is not a folder of S3"),
                ("providers[0].async_output[3]", "is not a folder of S3"),
                ("providers[0].async_output[4]", "is not a folder of S3"),
                ("providers[0].async_output[5]", "write `{team}` or `{project}`"),
                ("providers[0].async_output[6]", "without `*`"),
                ("providers[0].async_output[7]", "is not a folder of S3"),
                ("providers[0].async_output[8]", "is not a folder of S3"),
                ("providers[0].async_output[9]", "has two placeholders in one step"),
                ("providers[0].async_output[10]", "has `{project}` without `{team}` in an earlier step"),
                ("providers[0].async_output[11]", "has `{project}` without `{team}` in an earlier step"),
            ],
        ),
        (
            "{name: p, kind: bedrock, region: us-east-1, api_key: env:K, control_url: 'http://x.example', \
             inference_profiles: [{model: 'a*', team: t}, {model: m, team: t}, {model: m, team: t}, {model: n, team: t, \
             arn: 'arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/abc'}, {model: n, team: u, \
             arn: 'arn:aws:bedrock:us-east-1:123456789012:inference-profile/abc'}]}",
            vec![
                ("providers[0].control_url", "is not encrypted"),
                ("providers[0].inference_profiles[0].model", "is a pattern, and there is no `arn`"),
                ("providers[0].inference_profiles[2]", "is for the same calls as an earlier entry"),
                ("providers[0].inference_profiles[3].arn", "in the provider's region"),
                ("providers[0].inference_profiles[4].arn", "is not the ARN of an application inference profile"),
            ],
        ),
    ] {
        check(&format!("providers: [{provider}]"), &expected);
    }
}

#[test]
fn surfaces_of_bedrock() {
    let chat = "models: ['openai.*'], dialects: [openai_chat, openai_responses]";
    for (members, expected) in [
        (
            "surfaces: [{models: [], dialects: []}, {models: [a], dialects: [converse]}]".to_owned(),
            vec![
                ("providers[0].surfaces[0].models", "is empty"),
                ("providers[0].surfaces[0].dialects", "is empty"),
                ("providers[0].surfaces[1].dialects[0]", "openai_chat"),
            ],
        ),
        (
            format!(
                "surfaces: [{{{chat}, path: /v1}}, {{models: [a], dialects: [anthropic_messages, anthropic_messages], endpoint: mantle, path: /openai/v1}}]"
            ),
            vec![
                ("providers[0].surfaces[0].path", "no meaning at the runtime endpoint"),
                ("providers[0].surfaces[1].dialects[1]", "a second time"),
                ("providers[0].surfaces[1].path", "no dialect is OpenAI's"),
            ],
        ),
        (
            format!(
                "surfaces: [{{{chat}}}, {{models: ['openai.gpt-oss-*'], dialects: [openai_chat]}}, {{{chat}, only: true}}]"
            ),
            vec![("providers[0].surfaces[1]", "is never used: providers[0].surfaces[0] has its models and dialects")],
        ),
        (
            format!(
                "surfaces: [{{{chat}}}], mantle_url: 'http://x.example', mantle_projects: [{{team: t, id: 'a b'}}, {{team: t, id: proj_a}}]"
            ),
            vec![
                ("providers[0].mantle_url", "no surface is at the mantle endpoint"),
                ("providers[0].mantle_url", "is not encrypted"),
                ("providers[0].mantle_projects", "no surface is at the mantle endpoint"),
                ("providers[0].mantle_projects[0].id", "is not the id of a project"),
                ("providers[0].mantle_projects[1]", "is for the same calls as an earlier entry"),
            ],
        ),
        (
            format!("fips: true, surfaces: [{{{chat}, endpoint: mantle}}]"),
            vec![("providers[0].surfaces", "no FIPS address of the mantle endpoint is known; name it in `mantle_url`")],
        ),
        (
            format!("surfaces: [{{{chat}, endpoint: mantle}}], mantle_url: 'https://10.1.2.3'"),
            vec![("providers[0].mantle_url", "10.1.2.3 is a private address")],
        ),
    ] {
        check(&format!("providers: [{{name: p, kind: bedrock, region: us-east-1, {members}}}]"), &expected);
    }
}

#[test]
fn surfaces_that_cannot_be_where_they_stand() {
    let chat = "models: ['openai.*'], dialects: [openai_chat]";
    let elsewhere = format!(
        "providers: [{{name: p, kind: bedrock, region: cn-north-1, surfaces: [{{{chat}, endpoint: mantle}}]}}]"
    );
    let stated = format!(
        "providers: [{{name: p, kind: bedrock, region: us-east-1, surfaces: [{{{chat}, endpoint: mantle}}], \
         mantle_projects: [{{team: t, id: proj_a}}], headers: {{OpenAI-Project: proj_b, x-other: y}}}}]"
    );
    check(&stated, &[("providers[0].headers.OpenAI-Project", "would take the place of `mantle_projects`")]);
    check(&elsewhere, &[("providers[0].surfaces", "no address of the mantle endpoint is known in `cn-north-1`")]);
    let other = format!(
        "providers: [{{name: p, kind: openai, api_key: env:K, surfaces: [{{{chat}}}], mantle_url: 'https://x.example', mantle_projects: [{{team: t, id: a}}]}}]"
    );
    check(
        &other,
        &[
            ("providers[0].surfaces", "write `kind: bedrock`"),
            ("providers[0].mantle_url", "write `kind: bedrock`"),
            ("providers[0].mantle_projects", "write `kind: bedrock`"),
        ],
    );
}

#[test]
fn addresses_of_providers() {
    for (url, more, part) in [
        ("http://api.example.com/v1", "", "is not encrypted"),
        ("https://10.1.2.3/v1", "", "10.1.2.3 is a private address"),
        ("https://[fd00::1]/v1", "", "private address"),
        ("https://100.64.0.1/v1", "", "private address"),
        ("https://169.254.169.254", ", egress: {allow_private: true, allow_http: true}", "never dialled"),
        ("https://[fd00:ec2::254]", ", egress: {allow_private: true}", "never dialled"),
        ("https://[fe80::1]", ", egress: {allow_private: true}", "never dialled"),
        ("https://[::ffff:169.254.169.254]", ", egress: {allow_private: true}", "never dialled"),
        ("https://168.63.129.16", ", egress: {allow_private: true}", "never dialled"),
        ("https://0.0.0.0", ", egress: {allow_private: true}", "never dialled"),
        ("https://user:hunter2@x.example/v1", "", "has a user"),
    ] {
        let text = format!("providers: [{{name: p, kind: openai_compatible, base_url: '{url}'{more}}}]");
        check(&text, &[("providers[0].base_url", part)]);
    }
    for (url, more) in [
        ("http://localhost:8000/v1", ""),
        ("http://[::1]:8000/v1", ""),
        ("http://10.1.2.3/v1", ", egress: {allow_private: true, allow_http: true}"),
        ("http://vllm.internal:8000/v1", ", egress: {allow_http: true}"),
    ] {
        let text = format!("providers: [{{name: p, kind: openai_compatible, base_url: '{url}'{more}}}]");
        assert!(from_text("test", &text).is_ok(), "{text}");
    }
}

#[test]
fn headers() {
    for (header, part) in [
        ("authorization: Bearer hunter2", "holds a credential"),
        ("X-API-Key: hunter2", "holds a credential"),
        ("'bad name': x", "not a name of an HTTP header"),
        ("Host: x", "sets itself"),
        ("x-a: \"a\\nx-b: 1\"", "not a value of an HTTP header"),
    ] {
        let text = format!("providers: [{{name: p, kind: anthropic, api_key: env:K, headers: {{{header}}}}}]");
        let shown = problems(&text).to_string();
        assert!(shown.contains(part) && !shown.contains("hunter2"), "{shown}");
    }
    let twice = "providers: [{name: p, kind: anthropic, api_key: env:K, headers: {x-a: b, X-A: c}}]";
    check(twice, &[("providers[0].headers.x-a", "only in case")]);
}

#[test]
fn contradictions_of_the_store() {
    for (text, path, part) in [
        ("store: {path: ''}", "store.path", "is empty"),
        ("store: {path: x, journal: x}", "store.journal", "is the path of the store"),
        ("store: {journal_bytes_max: 1 MiB}", "store.journal_bytes_max", "1 MiB is less than 16 MiB; write at least"),
        ("store: {journal_sync: 2m}", "store.journal_sync", "2m is longer than a minute; write at most `1m`"),
        ("store: {on_journal_failure: allow}", "store.on_journal_failure", "known: `refuse`, `allow_and_alert`"),
        ("store: {path: x, url: 'postgres://t@h/t'}", "store.path", "there is one store"),
        ("store: {path: x, password: env:P}", "store.password", "has no meaning for a SQLite file; add `url`"),
        ("store: {tls: {mode: require}}", "store.tls", "has no meaning for a SQLite file"),
        ("store: {url: 'postgres://t@h/t', tls: {mode: require, ca: x}}", "store.tls.ca", "write `mode: verify-full`"),
        ("store: {url: 'postgres://t@h/t', tls: {mode: verify-ca}}", "store.tls.mode", "known: `off`, `require`"),
        ("store: {url: 'postgres://t:hunter2@h/t'}", "store.url", "set `store.password` to a reference"),
        ("store: {url: 'sqlite://x'}", "store.url", "does not begin with `postgres://`"),
        ("store: {retention: {rollups: 7y}}", "store.retention.rollups", "sums of calls that are kept for ever"),
        ("store: {retention: {calls: 400d, rollups: 1y}}", "store.retention.rollups", "is shorter than `calls` (400d)"),
        (
            "store: {retention: {calls: 7d, rollups: 30d}}\nbudgets: [{name: b, amount: 1 USD}]",
            "store.retention.rollups",
            "30d is shorter than the window of the budget 'b'; write at least `33d`",
        ),
        (
            "store: {retention: {calls: 1d, rollups: 7y}}\nbudgets: [{name: b, amount: 1 USD, window: prepaid, starts: 2026-11-01}]",
            "store.retention.rollups",
            "deletes sums of which the prepaid budget 'b' is made",
        ),
        ("store: {retention: {calls: 12h}}", "store.retention.calls", "is not an age in days or years"),
    ] {
        check(&format!("{OK}{text}"), &[(path, part)]);
    }
}

#[test]
fn contradictions() {
    for (text, path, part) in [
        ("admin: {address: '0.0.0.0:8081'}", "admin.address", "there is no `admin.token`"),
        ("admin: {address: '[::]:8081'}", "admin.address", "admin.token"),
        ("admin: {address: '127.0.0.1:8080'}", "admin.address", "port 8080 is also that of `listen.address`"),
        ("listen: {address: '0.0.0.0:8081'}", "admin.address", "port 8081"),
        ("pricing: {unknown_price: ceiling}", "pricing.unknown_price", "there is no `pricing.ceiling`"),
        (
            "models: [{name: m, unknown_price: ceiling, targets: [{provider: a}]}]",
            "models[0].unknown_price",
            "pricing.ceiling",
        ),
        ("identity: {unknown_project: book_to_default}", "identity.unknown_project", "there is no `default_project`"),
        ("teams: [{name: t, unknown_project: book_to_default}]", "teams[0].unknown_project", "no `default_project`"),
        ("teams: [{name: t, projects: [a], default_project: b}]", "teams[0].default_project", "is not one of"),
        ("teams: [{name: t, projects: [a, b, a]}]", "teams[0].projects[2]", "already the name at teams[0].projects[0]"),
        ("teams: [{name: t}, {name: t}]", "teams[1].name", "`t` is already the name at teams[0].name"),
        ("models: [{name: m, targets: [{provider: a}, {provider: a}]}]", "models[0].targets[1]", "an earlier target"),
        (
            "models: [{name: m, targets: [{provider: a}]}, {name: m, targets: [{provider: a}]}]",
            "models[1].name",
            "already the name",
        ),
        (
            "models: [{name: 'c-*', targets: [{provider: a}]}, {name: 'c-x-*', targets: [{provider: a}]}]",
            "models[1].name",
            "`c-x-*` is never used: `c-*` stands before it",
        ),
        (
            "models: [{name: m, targets: [{provider: a}]}]\nteams: [{name: t, models: [m, 'n*']}]",
            "teams[0].models[1]",
            "is the name of no model",
        ),
    ] {
        check(&format!("{OK}{text}"), &[(path, part)]);
    }
    check(
        "providers: [{name: a, kind: openai, api_key: env:K}, {name: a, kind: openai, api_key: env:K}]",
        &[("providers[1].name", "already the name at providers[0].name")],
    );
}

#[test]
fn roles_to_assume() {
    let good = "role_arn: 'arn:aws:iam::123456789012:role/a/b'";
    let role = "providers[0].assume_role";
    for (key, members, member, part) in [
        ("", "{}".to_owned(), "role_arn", "is missing"),
        ("", "{role_arn: 'role/x'}".to_owned(), "role_arn", "is not the ARN of a role"),
        ("", "{role_arn: 'arn:aws:iam::12345678901:role/x'}".to_owned(), "role_arn", "123456789012:role/"),
        ("", "{role_arn: 'arn:aws:iam::123456789012:user/x'}".to_owned(), "role_arn", "is not the ARN of a role"),
        ("", "{role_arn: 'arn:aws-cn:iam::123456789012:role/x'}".to_owned(), "role_arn", "a role of `arn:aws:iam`"),
        ("", format!("{{{good}, per: user}}"), "per", "known: `team`, `project`, `key`"),
        ("", format!("{{{good}, external_id: 'a b'}}"), "external_id", "2 to 1224"),
        ("", format!("{{{good}, duration: 14m}}"), "duration", "write 15m to 12h"),
        ("", format!("{{{good}, duration: 13h}}"), "duration", "13h is not what STS grants"),
        ("", format!("{{{good}, sessions_max: 0}}"), "sessions_max", "out of range"),
        ("", format!("{{{good}, tags: {{Team: x}}}}"), "tags.Team", "choose another name"),
        ("", format!("{{{good}, tags: {{'aws:x': x}}}}"), "tags.aws:x", "not beginning with `aws:`"),
        ("", format!("{{{good}, tags: {{a: 'x&y'}}}}"), "tags.a", "a value that STS does not take"),
        ("", format!("{{{good}, sts_url: 'http://sts.example.com'}}"), "sts_url", "is not encrypted"),
        ("", format!("{{{good}, sts_url: 'http://169.254.169.254'}}"), "sts_url", "never dialled"),
        ("api_key: env:K,", format!("{{{good}}}"), "", "a Bedrock API key cannot assume a role"),
    ] {
        let text = format!("providers: [{{name: p, kind: bedrock, region: us-east-1, {key} assume_role: {members}}}]");
        let path = if member.is_empty() { role.to_owned() } else { format!("{role}.{member}") };
        check(&text, &[(&path, part)]);
    }
}

#[test]
fn all_at_once_in_the_order_of_the_file() {
    let text = "\
listen:
  adress: 127.0.0.1:8080
  head_timeout: soon
admin: {address: 0.0.0.0:8081}
providers:
  - name: Bad Name
    kind: bedrock
  - name: good
    kind: anthropic
    api_key: sk-ant-hunter2
  - name: good
    kind: openai
    region: us-east-1
models:
  - {name: m, targets: [{provider: nobody}]}
  - {name: n, targets: []}
  - {name: m, targets: [{provider: good}]}
teams:
  - {name: t, default_project: p}
drain: 30s
";
    check(
        text,
        &[
            ("listen.adress", "line 2, column 3"),
            ("listen.head_timeout", "line 3, column 17"),
            ("admin.address", "line 4, column 9"),
            ("providers[0].name", "line 6"),
            // The bad key of providers[1] is told once, and not again as missing.
            ("providers[1].api_key", "line 10, column 14: providers[1].api_key: a secret does not belong in this file"),
            ("providers[2].name", "line 11"),
            ("providers[2].api_key", "is missing"),
            ("providers[2].region", "line 13"),
            // Nothing is said of the provider `nobody`: providers[0] might be it.
            ("models[1].targets", "is empty"),
            ("models[2].name", "line 17"),
            ("teams[0].default_project", "line 19"),
            ("drain", "line 20, column 8: drain: is a text; write its members beneath it"),
        ],
    );
    let shown = problems(text).to_string();
    assert!(shown.starts_with("test.yaml: 12 problems\n"), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn secrets_are_never_shown() {
    for member in [
        "api_key",
        "credentials",
        "assume_role",
        "base_url",
        "kind",
        "name",
        "region",
        "preset",
        "headers",
        "timeouts",
        "quirks",
    ] {
        for value in ["sk-Hunter2!x", "{a: sk-Hunter2!x}", "[sk-Hunter2!x]", "'env:sk-Hunter2!x'"] {
            let text = format!("providers: [{{name: p, kind: bedrock, {member}2: {value}, {member}: {value}}}]");
            let shown = problems(&text).to_string();
            // What is no name is shown, so that its writer finds it; everything else that may hold a secret is not.
            assert!(member == "name" || !shown.contains("Hunter2"), "{shown}");
        }
    }
}

#[test]
fn callers_known_by_their_role() {
    const CALLS: &str = "caller_identity: {server_id: tallygate.example, regions: [us-east-1]}";
    const TEAM: &str = "teams: [{name: red, projects: [alpha], environments: [prod]}]\n";
    const ROLE: &str = "arn: 'arn:aws:iam::123456789012:role/a', team: red";
    let aws = |text: &str| format!("{OK}{TEAM}identity: {{aws: {{{text}}}}}");
    let roles = |text: &str| aws(&format!("roles: [{{{text}}}], {CALLS}"));
    let arn = |arn: &str| roles(&format!("arn: '{arn}', team: red"));
    for good in [
        roles(ROLE),
        roles(&format!("{ROLE}, project: alpha, environment: prod, models: ['claude-*']")),
        roles(&format!("{ROLE}, networks: [10.20.0.0/16, '2001:db8::/32', 192.0.2.7]")),
        roles("arn: 'arn:aws:iam::123456789012:role/a', team: of-the-store, project: any"),
        arn("arn:aws-us-gov:iam::123456789012:user/a*"),
        arn("arn:aws:iam::123456789012:*"),
        aws(&format!("roles: [{{{ROLE}}}], caller_identity: {{server_id: t.example, sts_url: 'http://127.0.0.1:1'}}")),
        aws(&format!("roles: [{{{ROLE}}}], web_identity: {{audience: 'https://t', issuers: ['https://a.example/b']}}")),
    ] {
        from_text("test.yaml", &good).unwrap_or_else(|problems| panic!("{good}\n{problems}"));
    }
    check(&aws(""), &[("identity.aws", "takes no proof")]);
    check(&aws(CALLS), &[("identity.aws.roles", "every caller is refused")]);
    let network = roles(&format!("{ROLE}, networks: [10.0.0.0/8, 10.0.0.0/33]"));
    check(&network, &[("identity.aws.roles[0].networks[1]", "`10.0.0.0/33` is not a network")]);
    check(&roles(&format!("{ROLE}, networks: []")), &[("identity.aws.roles[0].networks", "1")]);
    for (text, part) in [
        ("*", "not the ARN"),
        ("*:role/search", "not the ARN"),
        ("arn:aws:iam::*:role/search", "account"),
        ("arn:*:iam::123456789012:role/search", "account"),
        ("arn:aws:iam::12345:role/a", "account"),
        ("arn:aws:sts::123456789012:assumed-role/a/b", "not the ARN"),
        ("arn:aws:iam::123456789012:root", "not the ARN"),
        ("arn:aws:iam::123456789012:r*", "not the ARN"),
        ("arn:aws:iam::123456789012:role/", "not the ARN"),
        ("arn:aws:iam::123456789012:role/*a", "not the ARN"),
        ("arn:aws:iam::123456789012:role/teams/a", "has a path"),
    ] {
        check(&arn(text), &[("identity.aws.roles[0].arn", part)]);
    }
    check(
        &roles(&format!("{ROLE}, project: beta, environment: dev")),
        &[
            ("identity.aws.roles[0].project", "not one of the projects of team `red`"),
            ("identity.aws.roles[0].environment", "not one of the environments of team `red`"),
        ],
    );
    let hidden = format!("roles: [{{arn: 'arn:aws:iam::123456789012:role/*', team: red}}, {{{ROLE}}}], {CALLS}");
    check(&aws(&hidden), &[("identity.aws.roles[1].arn", "never reached: entry 0")]);
    let calls = |text: &str| aws(&format!("roles: [{{{ROLE}}}], caller_identity: {{server_id: t.example, {text}}}"));
    let path = |member: &str| format!("identity.aws.caller_identity.{member}");
    for (text, member, part) in [
        ("regions: []", "regions", "is missing"),
        ("regions: ['US-EAST-1']", "regions[0]", "not a region"),
        ("regions: [us-east-1], sts_url: 'https://sts.example'", "sts_url", "stands beside"),
        ("sts_url: 'http://sts.example'", "sts_url", "not encrypted"),
        ("sts_url: 'https://10.0.0.1'", "sts_url", "private address"),
        ("sts_url: 'https://169.254.169.254'", "sts_url", "never dialled"),
        ("sts_url: 'https://sts.example/path'", "sts_url", "has a path"),
    ] {
        check(&calls(text), &[(&path(member), part)]);
    }
    let web = |issuers: &str| aws(&format!("roles: [{{{ROLE}}}], web_identity: {{audience: t, issuers: [{issuers}]}}"));
    let first = "identity.aws.web_identity.issuers[0]";
    check(&web("'http://issuer.example'"), &[(first, "not encrypted")]);
    check(&web(""), &[("identity.aws.web_identity.issuers", "1")]);
    check(&web("'https://a.example', 'https://a.example'"), &[("identity.aws.web_identity.issuers[1]", "twice")]);
    let text = aws(&format!("roles: [{{{ROLE}}}], caller_identity: {{server_id: 'a b c d e', regions: [us-east-1]}}"));
    check(&text, &[(&path("server_id"), "signs alike")]);
}
