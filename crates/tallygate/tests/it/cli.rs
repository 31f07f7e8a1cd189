//! The command line as a process: on the store, on a running gateway, and with what it says when it cannot.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;
use tg_kernel::clock::Timestamp;
use tg_kernel::dialect::{Dialect, Operation};
use tg_kernel::ids::CallId;
use tg_kernel::principal::Attribution;
use tg_kernel::record::{Asked, Cost, Ending, Pricing, Record, Timing};
use tg_kernel::units::Money;
use tg_kernel::usage::{Usage, UsageSource};
use tg_store::Store;

/// `tallygate`, with nothing of the machine's own environment that could change what it does.
pub(crate) fn tallygate(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tallygate"));
    command.current_dir(folder).args(arguments).stdin(Stdio::null());
    for name in ["TALLYGATE_CONFIG", "TALLYGATE_ADMIN_TOKEN", "SSL_CERT_FILE"] {
        command.env_remove(name);
    }
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What a command prints, if it succeeds.
pub(crate) fn good(folder: &Path, arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = tallygate(folder, arguments).output().unwrap();
    assert!(status.success(), "{arguments:?}: {}", text(&stderr));
    text(&stdout)
}

/// What a command complains about, if it fails with this status.
pub(crate) fn bad(folder: &Path, arguments: &[&str], status: i32) -> String {
    let output = tallygate(folder, arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {}", text(&output.stdout));
    assert!(output.stdout.is_empty(), "{arguments:?}: {}", text(&output.stdout));
    text(&output.stderr)
}

/// A gateway as a process of its own.
pub(crate) struct Serving {
    process: Child,
    pub(crate) admin: String,
}

impl Serving {
    fn start(folder: &Path, admin: &str) -> Self {
        let budgets = "[{name: cap, window: prepaid, starts: 2026-11-01, each: [team], amount: 5 USD}, \
                        {name: all, amount: 7 USD}]";
        Self::write(folder, admin, budgets);
        Self::begin(folder)
    }

    /// Writes its configuration.
    pub(crate) fn write(folder: &Path, admin: &str, budgets: &str) {
        let file = format!(
            "listen: {{address: '127.0.0.1:0', workers: 1}}\n\
             admin: {{address: '127.0.0.1:0'{admin}}}\n\
             providers: [{{name: local, kind: openai_compatible, base_url: 'http://127.0.0.1:9/v1'}}]\n\
             teams: [{{name: billing, projects: [invoices]}}]\n\
             budgets: {budgets}\n"
        );
        std::fs::write(folder.join("tallygate.yaml"), file).unwrap();
    }

    /// Starts it with the configuration that is there.
    pub(crate) fn begin(folder: &Path) -> Self {
        let mut process = tallygate(folder, &["serve"])
            .env("ADMIN_TOKEN_OF_THE_TEST", "a-token")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let admin = lines.find_map(|line| {
            let line = line.unwrap();
            let (_, address) = line.split_once("admin:")?;
            Some(address.trim().split(' ').next()?.to_owned())
        });
        Self { process, admin: admin.unwrap() }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

pub(crate) fn call(team: &str, project: Option<&str>, nanos: i64) -> Record {
    Record {
        id: CallId::fresh(),
        started_at: Timestamp::parse("2026-11-24T12:00:00Z").unwrap(),
        attribution: Attribution { team: team.into(), project: project.map(Into::into), ..Attribution::default() },
        asked: Asked {
            dialect: Dialect::OpenaiChat,
            operation: Operation::Chat,
            model: "=cmd|'/C calc'!A1".into(),
            stream: false,
        },
        served: None,
        ending: Ending::Ok,
        status: 200,
        fault: None,
        usage: Usage { input_tokens: 1000, output_tokens: 200, ..Usage::default() },
        usage_source: UsageSource::Reported,
        cost: Cost::at_list(Money::from_nanos(nanos), Pricing::Priced, "v/row"),
        losses: Vec::new(),
        guarded: None,
        decided: None,
        earlier: Vec::new(),
        timing: Timing::default(),
    }
}

pub(crate) fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn store_and_running_gateway_answer_alike() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    let serving = Serving::start(at, "");
    let gateway = ["--admin", &serving.admin];
    let store = ["--store", "tallygate.db"];
    for (there, name) in [(store, "one"), (gateway, "two")] {
        let made = json(&good(
            at,
            &[&["teams", "create", name, "--project", "a", "--model", "claude-*", "--json"][..], &there].concat(),
        ));
        assert_eq!((&made["owner"], &made["policy"]["models"]), (&"store".into(), &serde_json::json!(["claude-*"])));
        let create = ["keys", "create", "--team", name, "--project", "a", "--expires", "90d", "--json"];
        let issued = json(&good(at, &[&create[..], &there].concat()));
        let id = issued["key"]["id"].as_str().unwrap();
        let rotated = json(&good(at, &[&["keys", "rotate", id, "--overlap", "1h", "--json"][..], &there].concat()));
        assert_eq!(rotated["key"]["rotated_from"], id);
        good(at, &[&["keys", "revoke", id][..], &there].concat());
        good(at, &[&["teams", "set", name, "--clear", "models", "--project", "b"][..], &there].concat());
        let off = json(&good(at, &[&["teams", "disable", name, "--json"][..], &there].concat()));
        assert_eq!((&off["state"], &off["policy"]["models"]), (&"disabled".into(), &serde_json::Value::Null));
        assert!(good(at, &[&["teams", "enable", name][..], &there].concat()).contains("active"));
        let refused = bad(at, &[&["teams", "set", "billing", "--project", "x"][..], &there].concat(), 1);
        assert!(refused.contains("configuration file"), "{refused}");
        let missing = bad(at, &[&["keys", "show", "none"][..], &there].concat(), 1);
        assert!(missing.contains("no key with the id 'none'"), "{missing}");
    }
    for question in
        [&["teams", "list"][..], &["keys", "list"], &["teams", "show", "one"], &["report"], &["store", "stats"]]
    {
        let (here, there) = (good(at, &[question, &store].concat()), good(at, &[question, &gateway].concat()));
        assert_eq!(here, there, "{question:?}");
        assert!(!here.contains("sk-tg-"), "{here}");
    }
    // Without an option the configuration in this folder names the store.
    assert_eq!(good(at, &["teams", "list"]), good(at, &["teams", "list", "--store", "tallygate.db"]));
}

#[test]
fn budgets_are_shown_by_the_store_and_by_a_running_gateway() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    let store = Store::open(at.join("tallygate.db")).unwrap();
    store.ledger_writer().unwrap().append(&[call("billing", None, 1_250_000_000)]).unwrap();
    let serving = Serving::start(at, "");
    // A forecast is of the moment at which it is made.
    let timeless = |text: &str| {
        let mut page = json(text);
        for budget in page["budgets"].as_array_mut().unwrap() {
            budget.as_object_mut().unwrap().remove("forecast");
        }
        page
    };
    let here = timeless(&good(at, &["budgets", "--json"]));
    let there = timeless(&good(at, &["budgets", "--json", "--admin", &serving.admin]));
    assert_eq!(here, there);
    let [cap, all] = here["budgets"].as_array().unwrap().as_slice() else { panic!("{here}") };
    assert_eq!((&cap["name"], &cap["of"]), (&"cap".into(), &serde_json::json!({"team": "billing"})));
    assert_eq!((&cap["spent"]["usd"], &cap["left"]["nanos"]), (&"1.25".into(), &3_750_000_000i64.into()));
    assert_eq!((&cap["resets_at"], &all["name"]), (&serde_json::Value::Null, &"all".into()));
    let table = good(at, &["budgets"]);
    let row: Vec<&str> = table.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row[..4], ["cap", "billing", "prepaid", "-"], "{table}");
    assert_eq!(row[row.len() - 5..row.len() - 1], ["5.00", "1.25", "0.00", "3.75"], "{table}");
}

#[test]
fn an_access_key_is_made_under_the_configurations_secrets_key() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    let file = "providers: [{name: local, kind: openai_compatible, base_url: 'http://127.0.0.1:9/v1'}]\n\
                identity: {secrets_key: 'file:secrets.key'}\n";
    std::fs::write(at.join("tallygate.yaml"), file).unwrap();
    std::fs::write(at.join("secrets.key"), "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n").unwrap();
    good(at, &["teams", "create", "search"]);
    let create = ["keys", "create", "--team", "search", "--aws"];
    let printed = good(at, &create);
    let word = |name: &str| printed.split_whitespace().find_map(|word| word.strip_prefix(name)).unwrap().to_owned();
    let (id, secret) = (word("AWS_ACCESS_KEY_ID="), word("AWS_SECRET_ACCESS_KEY="));
    assert_eq!(printed.matches(&secret).count(), 1);
    let list = good(at, &["keys", "list"]);
    assert!(list.contains(&id) && list.contains("aws") && !list.contains(&secret), "{list}");
    assert!(good(at, &["keys", "rotate", &id]).contains("AWS_ACCESS_KEY_ID=TGKA"));

    let store = ["--store", "tallygate.db"];
    let without = bad(at, &[&create[..], &store].concat(), 1);
    assert!(without.contains("identity.secrets_key"), "{without}");
    good(at, &[&create[..], &store, &["--config", "tallygate.yaml"]].concat());
    std::fs::write(at.join("secrets.key"), "too-short\n").unwrap();
    for arguments in [&create[..], &["check"]] {
        let refused = bad(at, arguments, 1);
        assert!(refused.contains("identity.secrets_key") && refused.contains("openssl"), "{refused}");
        assert!(!refused.contains("too-short"), "{refused}");
    }
}

#[test]
fn a_key_is_printed_once_with_its_use() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    good(at, &["teams", "create", "search"]);
    let printed = good(at, &["keys", "create", "--team", "search", "--label", "nightly"]);
    let secret = printed.split_whitespace().find_map(|word| word.strip_prefix("TALLYGATE_KEY=sk-tg-")).unwrap();
    assert_eq!(printed.matches(secret).count(), 1);
    let directory = Store::open(at.join("tallygate.db")).unwrap().directory().unwrap();
    let here = std::net::IpAddr::from([127, 0, 0, 1]);
    let now = Timestamp::parse("2027-01-01T00:00:00Z").unwrap();
    assert_eq!(directory.find(&format!("sk-tg-{secret}"), here, now).unwrap().key.label, "nightly");
}

#[test]
fn a_token_is_taken_from_the_environment_or_a_file() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    let serving = Serving::start(at, ", token: 'env:ADMIN_TOKEN_OF_THE_TEST'");
    let list = ["teams", "list", "--admin", &serving.admin];
    let refused = bad(at, &list, 1);
    assert!(refused.contains("TALLYGATE_ADMIN_TOKEN") && refused.contains("--token-file"), "{refused}");
    let with = |token: &str| tallygate(at, &list).env("TALLYGATE_ADMIN_TOKEN", token).output().unwrap();
    assert!(!with("another").status.success());
    assert!(text(&with("a-token").stdout).contains("billing"));
    std::fs::write(at.join("token"), "a-token\n").unwrap();
    assert!(good(at, &[&list[..], &["--token-file", "token"]].concat()).contains("billing"));
    std::fs::write(at.join("token"), "\n").unwrap();
    assert!(bad(at, &[&list[..], &["--token-file", "token"]].concat(), 1).contains("is empty"));
    let clear = ["teams", "list", "--admin", "http://gateway.example:8081"];
    let in_the_clear = tallygate(at, &clear).env("TALLYGATE_ADMIN_TOKEN", "a-token").output().unwrap();
    assert!(text(&in_the_clear.stderr).contains("in the clear"), "{}", text(&in_the_clear.stderr));
}

#[test]
fn a_report_is_exact_in_every_form() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    let store = Store::open(at.join("tallygate.db")).unwrap();
    let calls = [call("search", Some("ranking"), 6_000_001), call("search", None, 2_000_000), call("", None, 0)];
    store.ledger_writer().unwrap().append(&calls).unwrap();

    let table = good(at, &["report", "--by", "team,project", "--since", "2026-11-01", "--until", "2026-12-01"]);
    let totals = table.lines().find(|line| line.starts_with("TOTAL")).unwrap();
    let cells: Vec<&str> = totals.split_whitespace().collect();
    assert_eq!(cells, ["TOTAL", "3", "3,000", "600", "0.008000001"], "{table}");
    assert!(table.contains("unattributed  2 calls, 0.002 USD"), "{table}");

    let report = json(&good(at, &["report", "--filter", "project=", "--format", "json"]));
    assert_eq!((&report["totals"]["calls"], &report["totals"]["cost"]["nanos"]), (&2.into(), &2_000_000.into()));
    let csv = good(at, &["report", "--by", "model", "--format", "csv"]);
    let lines: Vec<&str> = csv.split("\r\n").collect();
    assert_eq!((lines.len(), lines[2]), (3, ""), "{csv:?}");
    assert!(lines[1].starts_with("'=cmd|'/C calc'!A1,3,3000,"), "{csv:?}");
    let none = json(&good(at, &["report", "--until", "2026-11-24", "--format", "json"]));
    assert_eq!(none["totals"]["calls"], 0);
}

#[test]
fn mistakes_are_told_with_their_mend_and_leave_nothing_behind() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    for (arguments, status, words) in [
        (&["teams", "list"][..], 1, "there is no store at tallygate.db"),
        (&["report", "--store", "nope.db"], 1, "there is no store at nope.db"),
        (&["report", "--since", "yesterday"], 2, "`7d`"),
        (&["report", "--by", "tame"], 2, "team, project"),
        (&["keys", "list", "--admin", "http://127.0.0.1:1"], 1, "cannot be reached"),
        (&["keys", "list", "--admin", "127.0.0.1:8081"], 1, "https://"),
        (&["keys", "list", "--admin", "http://127.0.0.1:1", "--store", "x"], 1, "keep one"),
        (&["keys", "list", "--token-file", "x"], 1, "--admin"),
        (&["keys", "list", "--config", "none.yaml"], 1, "none.yaml"),
        (&["keys", "create"], 2, "--team"),
    ] {
        let told = bad(at, arguments, status);
        assert!(told.contains(words), "{arguments:?}: {told}");
    }
    assert_eq!(std::fs::read_dir(at).unwrap().count(), 0);
    good(at, &["teams", "create", "search"]);
    let told = bad(at, &["keys", "create", "--team", "search", "--network", "x", "--expires", "soon"], 1);
    assert!(told.contains("networks[0]") && told.contains("expires"), "{told}");
}
