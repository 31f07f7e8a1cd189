//! What must never be shown: keys of callers, credentials of providers, and what callers and models say.

use crate::booked::Written;
use crate::process::{Process, prepared};
use crate::speak::{CHAT, MANNERS, ask};
use crate::wire::Call;
use crate::world::{Setup, World, load, until};
use tg_sim::{DEFAULT_KEY, DEFAULT_SECRET_ACCESS_KEY};

/// Credentials of providers: what is configured, and what an assumed role has.
const OF_PROVIDERS: [&str; 5] = [
    DEFAULT_KEY,
    DEFAULT_SECRET_ACCESS_KEY,
    "a-key-that-no-provider-knows",
    "simulated-session-secret",
    "simulated-session-token",
];

const SAID: &str = "a-word-that-only-the-caller-says";

#[test]
fn logs_errors_and_metrics_hold_no_secrets_and_no_content() {
    let (folder, sim) = prepared(&Setup { teams: String::new(), ..crate::aws::setup("") });
    let file = folder.path().join("tallygate.yaml");
    let text = std::fs::read_to_string(&file).unwrap() + "telemetry: { log: { level: trace } }\n";
    std::fs::write(&file, text).unwrap();
    let process = Process::start(folder.path());
    let key = process.key.clone().unwrap();
    let stolen = format!("sk-tg-{}", "Q".repeat(56));
    let mut shown = String::new();
    let mut calls = 0;
    for dialect in CHAT {
        for manner in MANNERS {
            for model in
                ["on-anthropic", "on-bedrock", "on-roles", "on-locked-openai", "on-locked-anthropic", "on-dead", "none"]
            {
                for script in ["", "status=400", "status=500", "garbage", "html", "reset", "die_after=2"] {
                    let prompt = format!("[[sim: {script}]] {SAID}");
                    let answer = ask(dialect, manner, model, &prompt).bearer(&key).send(process.address);
                    if answer.status != 200 {
                        shown += &answer.text();
                    }
                    shown += &format!("{:?}", answer.headers);
                    calls += 1;
                }
            }
            let refused = ask(dialect, manner, "on-openai", SAID).bearer(&stolen).send(process.address);
            assert!(refused.status >= 400);
            shown += &refused.text();
            calls += 1;
        }
    }
    shown += &Call::post("/v1/chat/completions", SAID).bearer(&key).send(process.address).text();
    calls += 1;
    let lines = || process.log().lines().filter(|line| line.contains("req_")).count();
    until("every call has its line in the log", || (lines() >= calls).then_some(()));
    let metrics = Call::new("GET", "/metrics").send(process.admin);
    assert_eq!(metrics.status, 200);
    assert!(metrics.text().contains("gen_ai"), "{}", metrics.text());
    assert!(sim.books.entries().len() > 100);
    for (place, text) in [("an answer", shown), ("the log", process.log()), ("the metrics", metrics.text())] {
        // A part is enough to be dangerous.
        let callers = [key.as_str(), stolen.as_str(), &key[key.len() - 20..]];
        for secret in callers.into_iter().chain(OF_PROVIDERS) {
            assert!(!text.contains(secret), "{place} shows {secret}: {}", around(&text, secret));
        }
        if place != "an answer" {
            assert!(!text.contains(SAID), "{place} shows what a caller said: {}", around(&text, SAID));
        }
    }
    let key_id = key.strip_prefix("sk-tg-").unwrap().split('-').next().unwrap();
    let written = Written::with(folder.path(), key_id);
    for secret in [&key[key.len() - 20..], DEFAULT_KEY, "simulated-session-", SAID] {
        assert_eq!(written.holds(secret), None, "{secret}");
    }
}

fn around(text: &str, found: &str) -> String {
    text.find(found).map_or_else(String::new, |at| text[at.saturating_sub(300)..].chars().take(400).collect())
}

#[test]
fn debug_output_masks_secrets() {
    let world = World::start();
    let loaded = load(&world.config).unwrap();
    let issued = world.key.as_ref().unwrap();
    let shown = format!(
        "{:?} {:?} {:?} {:?}",
        loaded.document,
        loaded.secrets,
        issued,
        world.gateway().living.directory.keys()
    );
    for secret in [DEFAULT_KEY, DEFAULT_SECRET_ACCESS_KEY, issued.secret.expose()] {
        assert!(!shown.contains(secret), "{}", around(&shown, secret));
    }
    assert!(shown.contains(&*issued.record.id));
}
