//! A program that was written for Bedrock: straight to Bedrock, and through the gateway by other variables alone.

use super::Street;
use crate::prove::findings::Findings;
use crate::prove::sdks::environment;
use crate::setup;
use crate::shell::{root, sheltered};
use crate::suite::Tally;
use anyhow::{Result, ensure};
use serde_json::json;
use std::fs::File;
use tg_sim::{Sim, SimOptions};

/// What it is to do: everything that it can, and errors.
const TASKS: &str = "\
summarise: Bedrock serves models. It does so by an interface.
ask: How warm is it in Oslo? [[sim: tools=1]]
ask: What is warmth?
classify: Is this a complaint?
dictate: Read this to me.
embed: one vector, please
count: How long is this?
summarise: [[sim: status=429]] too much
summarise: [[sim: status=503]] not now
summarise: [[sim: status=400 error=ValidationException]] not so
";

/// Runs it each way, and compares what it prints.
pub(super) fn prove(street: &Street<'_>) -> Result<Tally> {
    let mut findings = Findings::new();
    // Another Bedrock, so that what the house has witnessed was signed by the gateway alone.
    let other = Sim::start(SimOptions::default())?;
    let direct = json!({
        "base_url": other.urls.bedrock, "aws": {
            "auth": "sigv4", "region": "us-east-1", "access_key_id": tg_sim::DEFAULT_ACCESS_KEY_ID,
            "secret_access_key": tg_sim::DEFAULT_SECRET_ACCESS_KEY,
        },
    });
    let straight = run(street, &environment(&direct))?;
    let lines = straight.lines().count();
    findings.note(
        "a boto3 program calls Bedrock itself",
        format_args!("{lines} lines"),
        lines == TASKS.lines().count(),
    );
    for door in &street.doors {
        // boto3 sends no bearer over a plain connection.
        if door.auth == "bearer" && door.scheme == "http" {
            continue;
        }
        let through = run(street, &environment(&door.plan(street.certs, &[])))?;
        let differ: Vec<String> = (straight.lines().zip(through.lines()))
            .filter(|(a, b)| a != b)
            .map(|(a, b)| format!("{a:?} became {b:?}"))
            .collect();
        let same = straight == through;
        let claim = format!("through the gateway ({}), unchanged but for its environment", door.name);
        findings.note(claim, if same { "the same".to_owned() } else { differ.join("; ") }, same);
    }
    Ok(findings.show())
}

fn run(street: &Street<'_>, variables: &[(&str, String)]) -> Result<String> {
    let mut program = sheltered(setup::python(), ["program.py"]);
    program.current_dir(root().join("tests/sdk/python")).env("AWS_CA_BUNDLE", &street.certs.ca);
    // One try: the errors that the program asks for would otherwise be tried again.
    program.env("AWS_MAX_ATTEMPTS", "1").envs(variables.iter().map(|(name, value)| (*name, value)));
    let region = variables.iter().find(|(name, _)| *name == "AWS_REGION");
    program.envs(region.map(|(_, region)| ("AWS_DEFAULT_REGION", region)));
    let tasks = tempfile::NamedTempFile::new()?;
    std::fs::write(tasks.path(), TASKS)?;
    let output = program.stdin(File::open(tasks.path())?).output()?;
    ensure!(output.status.success(), "program.py: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}
