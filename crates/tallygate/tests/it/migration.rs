//! The commands by which eight teams move to the gateway (docs/bedrock.md), with the example's own configuration.

use crate::process::{Process, command};
use crate::speak::{Manner, ask};
use crate::world::until;
use serde_json::Value;
use std::path::Path;
use tempfile::TempDir;
use tg_kernel::dialect::Dialect;
use tg_sim::{Sim, SimOptions};

const EXAMPLE: &str = include_str!("../../../../examples/eight-teams.yaml");
const MODEL: &str = "us.anthropic.claude-sonnet-5";
const SECRETS: [(&str, &str); 5] = [
    ("TALLYGATE_ADMIN_TOKEN", "an-admin-token-of-thirty-two-characters-or-more"),
    ("TALLYGATE_SECRETS_KEY", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="),
    ("ANTHROPIC_API_KEY", tg_sim::DEFAULT_KEY),
    ("AWS_ACCESS_KEY_ID", tg_sim::DEFAULT_ACCESS_KEY_ID),
    ("AWS_SECRET_ACCESS_KEY", tg_sim::DEFAULT_SECRET_ACCESS_KEY),
];

/// The example before simulated providers, without what belongs to one machine.
fn configured(sim: &Sim, folder: &Path) -> String {
    let (urls, folder) = (&sim.urls, folder.display());
    let changes = [
        ("  address: 0.0.0.0:8443\n", "  address: 127.0.0.1:0\n  workers: 1\n".to_owned()),
        ("  tls: { certificate: /etc/tallygate/tls/chain.pem, key: /etc/tallygate/tls/key.pem }\n", String::new()),
        ("  address: 127.0.0.1:8081\n", "  address: 127.0.0.1:0\n".to_owned()),
        ("/var/lib/tallygate/tallygate.db", format!("{folder}/tallygate.db")),
        (
            "    kind: bedrock\n",
            format!(
                "    kind: bedrock\n    base_url: '{}'\n    control_url: '{}'\n",
                urls.bedrock, urls.bedrock_control
            ),
        ),
        ("      external_id:", format!("      sts_url: '{}'\n      external_id:", urls.sts)),
        ("file:/run/secrets/openai", "env:ANTHROPIC_API_KEY".to_owned()),
        ("  otlp: { endpoint: \"http://127.0.0.1:4318\", sample_ratio: 0.1 }\n", String::new()),
    ];
    changes.into_iter().fold(EXAMPLE.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "the example has no {from:?} any more");
        text.replacen(from, &to, 1)
    })
}

/// Runs a command of the page, and answers what it prints.
fn run(folder: &Path, arguments: &str) -> String {
    let words: Vec<&str> = arguments.split_ascii_whitespace().chain(["--config", "tallygate.yaml"]).collect();
    let output = command(folder, &words).envs(SECRETS).output().unwrap();
    assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The word of a printed text that begins so.
fn word<'a>(text: &'a str, start: &str) -> &'a str {
    let words = text.split(|c: char| c.is_whitespace() || "='\"".contains(c));
    words.into_iter().find(|word| word.starts_with(start)).unwrap_or_else(|| panic!("no {start} in {text}"))
}

#[test]
fn eight_teams_move_by_the_commands_of_the_page() {
    let sim = Sim::start(SimOptions::default()).unwrap();
    sim.sts.demand_external_id("tallygate-7");
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("tallygate.yaml"), configured(&sim, folder)).unwrap();
    run(folder, "check");

    let policies = run(folder, "aws policy --provider bedrock --principal arn:aws:iam::123456789012:role/tallygate");
    let policies: Value = serde_json::from_str(&policies).unwrap();
    for part in ["trust", "permissions", "gateway"] {
        assert!(policies["bedrock"][part]["Statement"].is_array(), "{part}: {policies}");
    }

    assert!(run(folder, "aws profiles plan").contains("missing") && sim.control.profiles().is_empty());
    let applied = run(folder, "aws profiles apply");
    assert_eq!(sim.control.profiles().len(), 2, "{applied}");
    // What it prints takes the place of the lines that it is made from.
    let lines: Vec<&str> = applied.lines().skip_while(|line| !line.starts_with("inference_profiles")).collect();
    let text = std::fs::read_to_string(folder.join("tallygate.yaml")).unwrap();
    let (before, rest) = text.split_once("    inference_profiles:\n").unwrap();
    let rest: Vec<&str> = rest.lines().skip_while(|line| line.starts_with("      - ")).collect();
    let indented: Vec<String> = lines.iter().map(|line| format!("    {line}")).collect();
    let text = format!("{before}{}\n{}\n", indented.join("\n"), rest.join("\n"));
    std::fs::write(folder.join("tallygate.yaml"), text).unwrap();

    let process = Process::start_among(folder, &SECRETS);
    let bearer = run(folder, "keys create --team search --project ranking --environment prod");
    let access = run(folder, "keys create --team support --project chat-assist --environment prod --aws");
    assert!(word(&access, "TGKA").len() == 20, "{access}");
    let call = ask(Dialect::BedrockConverse, Manner::Plain, MODEL, "hi").bearer(word(&bearer, "sk-tg-"));
    // Another process made the key: this one sees it a moment later.
    let answer = until("the key is known", || {
        let answer = call.send(process.address);
        (answer.status != 403).then_some(answer)
    });
    assert_eq!(answer.status, 200, "{}\n{}", answer.text(), process.log());
    let entry = sim.books.last().unwrap();
    assert_eq!(entry.aws_session.as_deref(), Some("tg-search.ranking.prod"));
    assert!(entry.model.contains(":application-inference-profile/"), "{}", entry.model);

    let booked = until("the call is in the report", || {
        let report = run(folder, "report --by aws_session --since 24h");
        report.contains("tg-search.ranking.prod").then_some(report)
    });
    assert!(run(folder, "report --by team,model --since 24h").contains("search"), "{booked}");
}
