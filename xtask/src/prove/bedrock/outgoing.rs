//! What the gateway sends to Bedrock and STS, signed anew by botocore from what stood on the wire.

use crate::prove::findings::Findings;
use crate::setup;
use crate::shell::{root, sheltered};
use crate::suite::Tally;
use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use tg_sim::Witnessed;

/// What the gateway signs for.
const SERVICES: [&str; 3] = ["bedrock", "bedrock-mantle", "sts"];

/// What must be among the requests, that the comparison says something.
const COVERED: [&str; 5] = ["a session token", "an encoded colon", "an encoded slash", "a query", "a metadata header"];

/// Compares the signatures of all requests.
///
/// # Errors
/// When the script fails.
pub(super) fn prove(signed: &[Witnessed]) -> Result<Tally> {
    let folder = tempfile::Builder::new().prefix("tallygate-signed-").tempdir()?;
    let path = folder.path().join("requests.jsonl");
    let mut file = BufWriter::new(File::create(&path)?);
    for request in signed {
        let mut line = serde_json::to_value(request)?;
        line["body"] = json!(STANDARD.encode(&request.body));
        writeln!(file, "{line}")?;
    }
    file.flush()?;
    let mut script = sheltered(setup::python(), ["resigned.py"]);
    script.current_dir(root().join("tests/sdk/python")).stdin(File::open(&path)?);
    let output = script.output()?;
    ensure!(output.status.success(), "resigned.py: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let lines: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>().context("resigned.py")?;
    Ok(show(signed, &lines))
}

fn show(signed: &[Witnessed], lines: &[Value]) -> Tally {
    let mut findings = Findings::new();
    let mut flaws: BTreeMap<&str, (usize, Vec<String>)> = BTreeMap::new();
    for (request, line) in signed.iter().zip(lines) {
        let (all, found) = flaws.entry(line["service"].as_str().unwrap_or_default()).or_default();
        *all += 1;
        let flaw = line["flaw"].as_str().unwrap_or("no answer");
        if !flaw.is_empty() {
            found.push(format!("{} {}: {flaw}", request.method, request.path));
        }
    }
    for service in SERVICES {
        let (all, found) = flaws.remove(service).unwrap_or_default();
        findings.none(format!("botocore signs what went to {service} as the gateway did"), all, &found);
    }
    let others: Vec<String> = flaws.iter().map(|(service, (all, _))| format!("{all} for {service:?}")).collect();
    findings.note("nothing was signed for another service", others.join(", "), others.is_empty());
    findings.note("every signed request was compared", lines.len(), lines.len() == signed.len());
    for special in COVERED {
        let covered = |line: &&Value| line["covers"].as_array().is_some_and(|all| all.iter().any(|one| one == special));
        let count = lines.iter().filter(covered).count();
        findings.note(format!("among them: {special}"), count, count > 0);
    }
    let refused = signed.iter().filter(|request| !request.accepted).count();
    findings.note("the simulator refused none of the signatures", format_args!("{refused} refused"), refused == 0);
    findings.show()
}
