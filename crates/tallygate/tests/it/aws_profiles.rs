//! `tallygate aws profiles` as a process, before a simulated control plane.

use crate::wire::Call;
use crate::world::HAIKU;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use tg_sim::{DEFAULT_ACCESS_KEY_ID, DEFAULT_SECRET_ACCESS_KEY, Sim, SimOptions};

/// Runs `tallygate aws profiles`, and answers what it prints.
fn profiles(folder: &Path, act: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_tallygate"))
        .current_dir(folder)
        .args(["aws", "profiles", act, "--config", "t.yaml"])
        .env_remove("SSL_CERT_FILE")
        .env("SIM_ID", DEFAULT_ACCESS_KEY_ID)
        .env("SIM_SECRET", DEFAULT_SECRET_ACCESS_KEY)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn states(table: &str) -> Vec<&str> {
    let lines = table.lines().skip(1).take_while(|line| !line.is_empty());
    lines.map(|line| line.split("  ").filter(|cell| !cell.trim().is_empty()).nth(4).unwrap().trim()).collect()
}

#[test]
fn wanted_profiles_are_planned_made_once_and_tagged_anew() {
    let sim = Sim::start(SimOptions::default()).unwrap();
    let folder = tempfile::TempDir::new().unwrap();
    let provider = format!(
        "providers:\n- name: aws\n  kind: bedrock\n  region: us-east-1\n  base_url: '{}'\n  control_url: '{}'\n  \
         credentials: {{ access_key_id: 'env:SIM_ID', secret_access_key: 'env:SIM_SECRET' }}\n",
        sim.urls.bedrock, sim.urls.bedrock_control
    );
    let list = format!(
        "inference_profiles:\n- {{ model: '{HAIKU}', team: red, project: alpha }}\n- {{ model: '{HAIKU}', team: red }}\n\
         - {{ model: 'amazon.nova-lite-v1:0', team: blue }}\n"
    );
    let write = |list: &str| {
        let indented: String = list.lines().map(|line| format!("  {line}\n")).collect();
        std::fs::write(folder.path().join("t.yaml"), format!("{provider}{indented}")).unwrap();
    };
    write(&list);
    assert_eq!(states(&profiles(folder.path(), "plan")), ["missing"; 3]);
    assert!(sim.control.profiles().is_empty());

    let applied = profiles(folder.path(), "apply");
    assert_eq!(states(&applied), ["made"; 3]);
    let made = sim.control.profiles();
    let tags = |number: usize| made[number].tags.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(" ");
    assert_eq!(tags(0), "managed-by=tallygate project=alpha team=red");
    assert_eq!((tags(1), made[1].models.len()), ("managed-by=tallygate team=red".to_owned(), 2));
    assert_eq!(made[2].models, ["arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0"]);

    // Again, and with the printed lines in the file: nothing is left to do.
    assert_eq!(states(&profiles(folder.path(), "apply")), ["exists"; 3]);
    let lines: Vec<&str> = applied.lines().skip_while(|line| !line.starts_with("inference_profiles")).collect();
    assert!(made.iter().all(|profile| lines.iter().any(|line| line.contains(&profile.arn))), "{applied}");
    write(&format!("{}\n", lines.join("\n")));
    assert_eq!(states(&profiles(folder.path(), "plan")), ["exists"; 3]);

    retag(&sim, &made[1].arn, &json!([{ "key": "team", "value": "else" }, { "key": "own", "value": "kept" }]));
    assert_eq!(states(&profiles(folder.path(), "plan")), ["exists", "tags differ", "exists"]);
    assert_eq!(states(&profiles(folder.path(), "apply")), ["exists", "tagged anew", "exists"]);
    let tags = &sim.control.profiles()[1].tags;
    assert_eq!((tags["team"].as_str(), tags["own"].as_str()), ("red", "kept"));
    assert_eq!(sim.control.profiles().len(), 3);
}

fn retag(sim: &Sim, arn: &str, tags: &Value) {
    let body = json!({ "resourceARN": arn, "tags": tags }).to_string();
    let call = Call::post("/control/tagResource", body).bearer(tg_sim::DEFAULT_KEY);
    assert_eq!(call.send(sim.urls.bedrock.strip_prefix("http://").unwrap().parse().unwrap()).status, 200);
}
