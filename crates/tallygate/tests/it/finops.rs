//! The ledger of a gateway against the books of its simulated providers: as AWS's bill, as invocation logs, as FOCUS.

use crate::process::command;
use crate::speak::{CHAT, MANNERS, Manner, ask};
use crate::wire::Call;
use crate::world::{HAIKU, World};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Output;
use tg_kernel::clock::Timestamp;
use tg_kernel::dialect::Dialect;
use tg_kernel::record::{Cost, Record, Served};
use tg_kernel::units::Money;
use tg_sim::{Counts, Entry, Personality};

/// What AWS charges for a million tokens, in dollars times ten thousand: by model, input, read, written, output.
const PRICES: [(&str, &str, [u64; 4]); 2] = [
    (HAIKU, "Claude4.5Haiku", [11_000, 1_100, 13_750, 55_000]),
    ("amazon.nova-lite-v1:0", "NovaLite", [600, 150, 0, 2_400]),
];
const KINDS: [&str; 4] =
    ["input-tokens", "cache-read-input-token-count", "cache-write-input-token-count", "output-tokens"];

fn each(counts: &Counts) -> [u64; 4] {
    [counts.input, counts.cache_read, counts.cache_write(), counts.output]
}

/// A ledger, and what the provider has booked of Bedrock's part of it.
struct Books {
    folder: tempfile::TempDir,
    rows: Vec<Record>,
    entries: Vec<Entry>,
}

impl Books {
    fn of(calls: impl Fn(&World)) -> Self {
        let mut world = World::start();
        calls(&world);
        world.drain(crate::world::DEADLINE);
        let entries = world.sim.books.entries();
        let entries = entries.into_iter().filter(|entry| entry.personality == Personality::Bedrock).collect();
        let config = world.config.replace("admin:", "# admin:");
        std::fs::write(world.folder.path().join("tallygate.yaml"), config).unwrap();
        let folder = std::mem::replace(&mut world.folder, tempfile::TempDir::new().unwrap());
        Self { rows: crate::world::rows(&folder.path().join("tallygate.db")), folder, entries }
    }

    /// Chats in every dialect and manner, of two models of Bedrock and one of somebody else.
    fn usual() -> Self {
        Self::of(|world| {
            for manner in MANNERS {
                for model in [HAIKU, "on-nova"] {
                    world.send(&ask(Dialect::OpenaiChat, manner, model, "what does this cost, and who pays for it?"));
                }
            }
            for dialect in CHAT {
                world.send(&ask(dialect, Manner::Plain, HAIKU, "the same in your own words"));
            }
            world.send(&ask(Dialect::OpenaiChat, Manner::Plain, "on-openai", "not on this bill"));
        })
    }

    fn row(&self, entry: &Entry) -> &Record {
        let id = request_id(entry.number);
        let is = |row: &&Record| row.served.as_ref().is_some_and(|served| served.request_id.as_deref() == Some(&id));
        self.rows.iter().find(is).unwrap()
    }

    /// AWS's bill for what the provider served, at its prices times `dearer` percent.
    fn bill(&self, dearer: u64) -> PathBuf {
        let mut text = "line_item_usage_start_date,line_item_line_item_type,line_item_product_code,\
                        line_item_usage_type,line_item_usage_amount,pricing_unit,line_item_unblended_cost,\
                        line_item_currency_code\n"
            .to_owned();
        for entry in &self.entries {
            let hour = &self.row(entry).started_at.to_string()[..13];
            let (_, name, prices) = PRICES.iter().find(|(model, ..)| *model == entry.model).unwrap();
            for (at, tokens) in each(&entry.counts).into_iter().enumerate().filter(|(_, tokens)| *tokens > 0) {
                // A ten-thousandth of a dollar for a million is a hundred pico-dollars for one.
                let picos = tokens * prices[at] * 100 * dearer / 100;
                let _ = writeln!(
                    text,
                    "{hour}:00:00.000Z,Usage,AmazonBedrock,USE1-{name}-{},{}.{:03},1K tokens,0.{picos:012},USD",
                    KINDS[at],
                    tokens / 1000,
                    tokens % 1000
                );
            }
        }
        let path = self.folder.path().join("bill.csv");
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Bedrock's log of what it served, and of `more` calls by somebody else.
    fn logs(&self, more: u64) -> PathBuf {
        let mut text = String::new();
        let gateway = "arn:aws:iam::123456789012:user/gateway";
        let somebody = "arn:aws:iam::123456789012:user/somebody";
        let own =
            self.entries.iter().map(|entry| (request_id(entry.number), gateway, self.row(entry), each(&entry.counts)));
        let others = (0..more).map(|n| (request_id(900_000 + n), somebody, &self.rows[0], [7, 0, 0, 3]));
        for (id, identity, row, [input, read, written, output]) in own.chain(others) {
            let at = row.started_at;
            let _ = writeln!(
                text,
                r#"{{"schemaType":"ModelInvocationLog","schemaVersion":"1.0","timestamp":"{at}","accountId":"123456789012","identity":{{"arn":"{identity}"}},"region":"us-east-1","requestId":"{id}","operation":"Converse","modelId":"{HAIKU}","input":{{"inputTokenCount":{input},"cacheReadInputTokenCount":{read},"cacheWriteInputTokenCount":{written}}},"output":{{"outputTokenCount":{output}}}}}"#
            );
        }
        let path = self.folder.path().join("logs.json");
        std::fs::write(&path, text).unwrap();
        path
    }

    fn run(&self, arguments: &[&str]) -> Output {
        command(self.folder.path(), arguments).output().unwrap()
    }

    /// The exit status and what was printed, to both ends.
    fn reconcile(&self, side: &str, path: &Path, more: &[&str]) -> (Option<i32>, String) {
        let mut arguments = vec!["reconcile", side, path.to_str().unwrap()];
        // Calls round to the nano-dollar, each by itself: a few billionths of a dollar in all.
        arguments.extend(["--tolerance", "0%", "--ignore-below", "0.00000001"]);
        arguments.extend(more);
        let output = self.run(&arguments);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout) + &text(output.stderr))
    }
}

fn request_id(number: u64) -> String {
    format!("00000000-0000-4000-8000-{number:012x}")
}

#[test]
fn the_ledger_agrees_with_the_bill_to_the_last_token() {
    let books = Books::usual();
    assert!(books.entries.len() >= 9, "{:?}", books.entries);
    let (status, said) = books.reconcile("--cur", &books.bill(100), &[]);
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("anthropic.claude-haiku-4-5") && said.contains("amazon.nova-lite"), "{said}");
    assert!(!said.contains("gpt-5-mini"), "OpenAI is not on AWS's bill: {said}");
    let (status, said) = books.reconcile("--cur", &books.bill(103), &[]);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("cost differs") && said.contains("-2.91%"), "{said}");
    let metrics = books.folder.path().join("tallygate.prom");
    let with_metrics = ["--tolerance", "5%", "--metrics", metrics.to_str().unwrap(), "--format", "json"];
    let mut arguments = vec!["reconcile", "--cur", "bill.csv"];
    arguments.extend(with_metrics);
    let output = books.run(&arguments);
    assert!(output.status.success());
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&found["agrees"], &found["cells"][0]["verdict"]), (&true.into(), &"agrees".into()));
    let gauges = std::fs::read_to_string(metrics).unwrap();
    for line in ["tallygate_reconcile_agrees{with=\"bill\"} 1", "tallygate_reconcile_drift_usd{with=\"bill\"} -0.0"] {
        assert!(gauges.contains(line), "{gauges}");
    }
}

#[test]
fn every_call_in_the_invocation_log_has_a_row_and_others_are_named() {
    let books = Books::usual();
    let (status, said) = books.reconcile("--invocation-logs", &books.logs(0), &[]);
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains(&format!("agrees: {} calls in both, 0 in the log only", books.entries.len())), "{said}");
    let (status, said) = books.reconcile("--invocation-logs", &books.logs(2), &[]);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("arn:aws:iam::123456789012:user/somebody") && said.contains("2 in the log only"), "{said}");
    let known = ["--known-identity", "arn:aws:iam::*:user/somebody"];
    let (status, said) = books.reconcile("--invocation-logs", &books.logs(2), &known);
    assert_eq!(status, Some(0), "{said}");
}

#[test]
fn what_cannot_be_compared_is_not_said_to_differ() {
    let books = Books::of(|_| {});
    let bill = books.folder.path().join("bad.csv");
    std::fs::write(&bill, "line_item_usage_type,tags\nUSE1-NovaLite-input-tokens,{}\n").unwrap();
    let none = books.folder.path().join("none");
    for (arguments, part) in [
        (
            vec!["--cur", bill.to_str().unwrap()],
            "columns are missing: line_item_usage_start_date, line_item_line_item_type",
        ),
        (vec!["--cur", none.to_str().unwrap()], "it cannot be read"),
        (
            vec!["--cur", "bad.csv", "--since", "2026-11-02T03:00:00Z"],
            "--since: a bill is compared by whole days in UTC",
        ),
        (vec!["--cur", "bad.csv", "--provider", "bedrok"], "the ledger has no calls of 'bedrok'"),
        (vec!["--cur", "bad.csv", "--tolerance", "1"], "write a percentage from 0% to 100%, as in 1%"),
        (vec!["--cur", "bad.csv", "--same-model", "x"], "write the bill's name, =, and the ledger's"),
        (vec!["--cur", "bad.csv", "--store", "tallygate.db"], "say by --provider whose calls AWS bills"),
        (vec!["--cur", "bad.csv", "--invocation-logs", "x"], "cannot be used with"),
        (vec!["--cur", "bad.csv", "--admin", "http://127.0.0.1:1"], "this command reads the ledger itself"),
        (vec![], "required"),
    ] {
        let mut all = vec!["reconcile"];
        all.extend(arguments);
        let output = books.run(&all);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{all:?}: {said}");
        assert!(said.contains(part), "{all:?}: {said}");
    }
}

/// The sum of a column of decimals, in pico-dollars, read apart from the program's own code.
fn sum(csv: &str, column: &str) -> i128 {
    let mut lines = csv.lines();
    let at = lines.next().unwrap().split(',').position(|name| name == column).unwrap();
    let picos = |cell: &str| {
        let (whole, part) = cell.split_once('.').unwrap_or((cell, ""));
        format!("{whole}{part:0<12}").parse::<i128>().unwrap()
    };
    // The columns before the first text with a comma in it are as they stand.
    lines.map(|line| picos(line.split(',').nth(at).unwrap())).sum()
}

#[test]
fn the_focus_export_of_a_gateway_adds_up_to_its_ledger() {
    let books = Books::usual();
    let ledger: i128 = books.rows.iter().map(|row| i128::from(row.total_cost().amount.nanos())).sum();
    let output = books.run(&["report", "--format", "focus"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(sum(&text, "BilledCost"), ledger * 1000, "{text}");
    assert!(text.contains("Amazon Bedrock") && text.contains("OpenAI API") && text.contains("Input Tokens"), "{text}");
    let output =
        books.run(&["report", "--format", "focus-parquet", "--output", "focus.parquet", "--billing-account", "1234"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let bytes = std::fs::read(books.folder.path().join("focus.parquet")).unwrap();
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
    for (arguments, part) in [
        (&["--format", "focus-parquet"][..], "name a file by --output"),
        (&["--format", "focus", "--split-shared", "tag:x"], "leave --format focus out"),
        (&["--billing-account", "1"], "--billing-account is for --format focus"),
        (&["--split-shared", "feature"], "write tag: and the name of a tag"),
        (&["--split-shared", "tag:x", "--by", "ending"], "--split-shared groups by team"),
        (&["--format", "focus", "--output", "no/such/folder/f.csv"], "cannot write no/such/folder/f.csv"),
        (&["--format", "focus", "--admin", "http://127.0.0.1:1"], "reads the ledger itself"),
    ] {
        let output = books.run(&[&["report"], arguments].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(part), "{arguments:?}: {said}");
    }
}

#[test]
fn a_shared_key_is_split_by_its_tags() {
    let books = Books::of(|world| {
        let tagged =
            |call: Call, tags: &str| if tags.is_empty() { call } else { call.header("x-tallygate-tags", tags) };
        for tags in ["feature=search", "feature=chat,feature=search", ""] {
            world.send(&tagged(ask(Dialect::OpenaiChat, Manner::Plain, HAIKU, "whose is this?"), tags));
        }
    });
    let ledger: i64 = books.rows.iter().map(|row| row.total_cost().amount.nanos()).sum();
    for (untagged, rows) in [("unallocated", 3), ("proportional", 2)] {
        let output =
            books.run(&["report", "--split-shared", "tag:feature", "--untagged", untagged, "--format", "json"]);
        let shares: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(shares.len(), rows, "{shares:?}");
        assert_eq!(shares.iter().map(|share| share["cost_nanos"].as_i64().unwrap()).sum::<i64>(), ledger);
    }
    let output = books.run(&["report", "--split-shared", "tag:feature"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("(unallocated)") && text.contains("search"), "{text}");
}

/// A folder with a ledger of these calls, and a commitment of a dollar an hour for the first three of 24 November.
fn committed(calls: &[Record]) -> tempfile::TempDir {
    let folder = tempfile::TempDir::new().unwrap();
    let span = "from: '2026-11-24T00:00:00Z', until: '2026-11-24T03:00:00Z'";
    let config = format!(
        "admin: {{address: '127.0.0.1:0'}}\nlisten: {{address: '127.0.0.1:0', workers: 1}}\n\
         providers: [{{name: local, kind: openai_compatible, base_url: 'http://127.0.0.1:9/v1'}}]\n\
         pricing:\n  discounts: [{{name: pt-1, provider: local, percent: 100%, terms: committed, {span}}}]\n\
         \x20 commitments: [{{name: pt-1, provider: local, hourly: 1 USD, sku: '*ProvisionedThroughput*', {span}}}]\n"
    );
    std::fs::write(folder.path().join("tallygate.yaml"), config).unwrap();
    let store = tg_store::Store::open(folder.path().join("tallygate.db")).unwrap();
    store.ledger_writer().unwrap().append(calls).unwrap();
    folder
}

/// A call at a minute of that day, worth so many cents, under the commitment or not.
fn worth(minute: i64, team: &str, cents: i64, is_committed: bool) -> Record {
    let (list, start) = (Money::from_nanos(cents * 10_000_000), Timestamp::parse("2026-11-24T00:00:00Z").unwrap());
    let mut call = crate::cli::call(team, Some("p"), list.nanos());
    call.started_at = Timestamp::from_seconds(start.seconds() + minute * 60);
    let served = World::start();
    let answer = served.send(&ask(Dialect::OpenaiChat, Manner::Plain, "on-openai", "hi"));
    call.served = served.row(&answer).served.map(|served| Served { provider: "local".into(), ..served });
    if is_committed {
        call.cost = Cost { amount: Money::ZERO, price: "v/local/m%committed:pt-1".into(), ..call.cost };
    }
    call
}

#[test]
fn a_commitment_is_named_beside_what_calls_cost_and_mixed_in_only_when_asked() {
    let calls = [
        worth(10, "red", 60, true),
        worth(20, "blue", 140, true),
        worth(70, "red", 25, true),
        worth(80, "blue", 7, false),
    ];
    let folder = committed(&calls);
    let run = |arguments: &[&str]| crate::cli::good(folder.path(), arguments);
    let day = ["--since", "2026-11-24", "--until", "2026-11-25"];
    let with = |arguments: &[&str]| run(&[&["report"], arguments, &day].concat());
    let report = with(&[]);
    assert!(report.contains("commitment    pt-1: 3.00 USD for 3 hours, beside the costs above"), "{report}");
    assert!(report.lines().any(|line| line.starts_with("TOTAL") && line.ends_with("0.07")), "{report}");
    assert!(!with(&["--filter", "team=red"]).contains("commitment "), "of one team alone it is not");
    let later = run(&["report", "--since", "2026-11-24T02:00:00Z", "--until", "2026-11-25"]);
    assert!(later.contains("pt-1: 1.00 USD for 1 hour,"), "{later}");
    // A dollar for the first hour by what calls are worth, 25 cents of the second, nothing of the third.
    let sums: serde_json::Value = serde_json::from_str(&with(&["--amortize", "--format", "json"])).unwrap();
    let row = |team: &str| sums["rows"].as_array().unwrap().iter().find(|row| row["group"][0] == team).unwrap();
    assert_eq!(row("red")["amortized_usd"], "0.55", "{sums}");
    assert_eq!((&row("blue")["cost_usd"], &row("blue")["amortized_usd"]), (&"0.07".into(), &"0.77".into()), "{sums}");
    let unused = sums["rows"].as_array().unwrap().iter().find(|row| row["unused_of"] == "pt-1").unwrap();
    assert_eq!(unused["amortized_usd"], "1.75", "{sums}");
    assert_eq!((&sums["fixed_charges_usd"], &sums["amortized_usd"]), (&"3".into(), &"3.07".into()), "{sums}");
    let table = with(&["--amortize", "--by", "day"]);
    assert!(table.contains("calls 0.07 USD and commitments 3 USD are 3.07 USD amortized"), "{table}");
    let red = with(&["--amortize", "--filter", "team=red", "--format", "csv"]);
    assert!(red.contains("red,,2,0,0.55") && !red.contains("pt-1"), "{red}");
    let focus = with(&["--format", "focus"]);
    assert_eq!(sum(&focus, "BilledCost"), 3_070_000_000_000, "{focus}");
    let effective = |line: &str| line.matches("Purchase").count();
    assert_eq!(focus.lines().map(effective).sum::<usize>(), 3, "{focus}");
    let serving = crate::cli::Serving::begin(folder.path());
    let there = run(&[&["report", "--admin", &serving.admin], &day[..]].concat());
    assert_eq!(there, report, "a running gateway says the same");
    for (arguments, part) in [
        (&["--amortize", "--format", "focus"][..], "as BilledCost and EffectiveCost"),
        (&["--amortize", "--split-shared", "tag:x"], "keep one"),
        (&["--amortize", "--by", "ending"], "--amortize groups by team"),
    ] {
        let said = crate::cli::bad(folder.path(), &[&["report"], arguments].concat(), 1);
        assert!(said.contains(part), "{arguments:?}: {said}");
    }
}

#[test]
fn a_commitment_that_is_billed_otherwise_is_a_difference() {
    let folder = committed(&[worth(10, "red", 60, true)]);
    let bill = "line_item_usage_start_date,line_item_line_item_type,line_item_product_code,line_item_usage_type,\
                line_item_usage_amount,pricing_unit,line_item_unblended_cost,line_item_currency_code\n\
                2026-11-24T00:00:00Z,Usage,AmazonBedrock,USE1-ProvisionedThroughput-X,3,Hour,2.50,USD\n";
    std::fs::write(folder.path().join("bill.csv"), bill).unwrap();
    let arguments = ["reconcile", "--cur", "bill.csv", "--provider", "local", "--metrics", "tallygate.prom"];
    let output = command(folder.path(), &arguments).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("*ProvisionedThroughput*") && said.contains("and 1 of 1 usage types of commitments"),
        "{said}"
    );
    let gauges = std::fs::read_to_string(folder.path().join("tallygate.prom")).unwrap();
    let drift = "tallygate_reconcile_commitment_drift_usd{usage_type=\"*ProvisionedThroughput*\"} 0.5";
    assert!(gauges.contains(drift), "{gauges}");
}
