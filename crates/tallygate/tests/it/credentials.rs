//! Where AWS credentials come from: each place of the default chain, simulated, in front of the real process.

use crate::process::{Process, prepared};
use crate::speak::{Manner, ask};
use crate::world::{HAIKU, Setup};
use std::path::Path;
use tempfile::TempDir;
use tg_kernel::dialect::Dialect;
use tg_sim::{CONTAINER_TOKEN, DEFAULT_ACCESS_KEY_ID, DEFAULT_SECRET_ACCESS_KEY, SSO_TOKEN, Sim, WEB_IDENTITY_TOKEN};

const ROLE: &str = "arn:aws:iam::123456789012:role/calls";

/// The portal's address, and its SHA-1: the name under which `aws sso login` keeps its token.
const PORTAL: &str = "https://portal.invalid/start";
const PORTAL_SHA1: &str = "c3aabc6d5ba3272d65da34317bdeaf24c1b00c61";

/// A gateway whose provider uses the chain. What is not stated is not there: the command's environment is empty.
fn house() -> (TempDir, Sim) {
    let setup = Setup {
        providers: "- { name: chained, kind: bedrock, region: us-east-1, base_url: 'BEDROCK_URL' }\n".to_owned(),
        models: format!("- {{ name: on-chain, targets: [{{ provider: chained, model: '{HAIKU}' }}] }}\n"),
        teams: String::new(),
        ..Setup::default()
    };
    prepared(&setup)
}

/// Starts a gateway among these variables, and makes a call; answers its status and its words.
fn call(folder: &Path, variables: &[(&str, &str)]) -> (u16, String) {
    let home = folder.display().to_string();
    let mut all = vec![("HOME", home.as_str()), ("PATH", "/usr/bin:/bin"), ("AWS_EC2_METADATA_DISABLED", "true")];
    all.extend_from_slice(variables);
    let process = Process::start_among(folder, &all);
    let key = process.key.clone().unwrap_or_else(|| panic!("one folder is for one call"));
    let answer = ask(Dialect::OpenaiChat, Manner::Plain, "on-chain", "hi").bearer(&key).send(process.address);
    (answer.status, format!("{}\n{}", answer.text(), process.log()))
}

/// The same, where the call must succeed; answers the session whose keys signed it.
fn session(folder: &Path, sim: &Sim, variables: &[(&str, &str)]) -> Option<String> {
    let (status, words) = call(folder, variables);
    assert_eq!(status, 200, "{words}");
    sim.books.last().unwrap().aws_session
}

fn file(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[test]
fn the_environment_holds_keys() {
    let (folder, sim) = house();
    let keys = [("AWS_ACCESS_KEY_ID", DEFAULT_ACCESS_KEY_ID), ("AWS_SECRET_ACCESS_KEY", DEFAULT_SECRET_ACCESS_KEY)];
    assert_eq!(session(folder.path(), &sim, &keys), None, "a user's own keys are no session");
    let detail = sim.books.last().unwrap().detail.unwrap();
    assert!(detail.path.contains("%3A0/converse"), "{}", detail.path);
}

/// A pod's variables (IRSA on EKS) with this token.
fn pod<'a>(sim: &'a Sim, token: &'a str) -> [(&'static str, &'a str); 4] {
    [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token),
        ("AWS_ROLE_ARN", ROLE),
        ("AWS_ROLE_SESSION_NAME", "pod-7"),
        ("AWS_ENDPOINT_URL_STS", &sim.urls.sts),
    ]
}

#[test]
fn a_web_identity_token_is_exchanged_at_sts() {
    let (folder, sim) = house();
    let token = file(folder.path(), "token", WEB_IDENTITY_TOKEN);
    assert_eq!(session(folder.path(), &sim, &pod(&sim, &token)).as_deref(), Some("pod-7"));
    let assumed = sim.sts.assumed();
    assert_eq!((assumed.len(), &*assumed[0].role_arn, &*assumed[0].caller), (1, ROLE, "web identity"));

    let (folder, sim) = house();
    let token = file(folder.path(), "token", "a-token-of-nobody");
    let (status, words) = call(folder.path(), &pod(&sim, &token));
    assert!(status == 502 && words.contains("aws_credentials_unavailable"), "{words}");
    assert!(!words.contains("a-token-of-nobody") && sim.books.entries().is_empty(), "{words}");
}

#[test]
fn a_container_asks_its_endpoint_with_its_token() {
    let ecs = |sim: &Sim| format!("{}/container", sim.urls.places);
    let (folder, sim) = house();
    let (url, token) = (ecs(&sim), file(folder.path(), "token", CONTAINER_TOKEN));
    let variables = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str()),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token.as_str()),
    ];
    assert_eq!(session(folder.path(), &sim, &variables).as_deref(), Some("container"), "as EKS Pod Identity does");
    assert_eq!((sim.places.given(), sim.places.refused()), (vec!["container"], 0));

    let (folder, sim) = house();
    let url = ecs(&sim);
    let variables = [variables[0].0, "AWS_CONTAINER_AUTHORIZATION_TOKEN"];
    let variables = [(variables[0], url.as_str()), (variables[1], CONTAINER_TOKEN)];
    assert_eq!(session(folder.path(), &sim, &variables).as_deref(), Some("container"), "as ECS does");

    let (folder, sim) = house();
    let url = ecs(&sim);
    let (status, words) = call(folder.path(), &[(variables[0].0, url.as_str())]);
    assert!(status == 502 && sim.places.given().is_empty() && sim.places.refused() > 0, "{words}");
}

#[test]
fn an_instance_is_asked_with_a_token_of_its_own() {
    let (folder, sim) = house();
    let url = sim.urls.places.clone();
    let variables = [("AWS_EC2_METADATA_SERVICE_ENDPOINT", url.as_str()), ("AWS_EC2_METADATA_DISABLED", "false")];
    assert_eq!(session(folder.path(), &sim, &variables).as_deref(), Some("instance"));
    assert_eq!((sim.places.given(), sim.places.refused()), (vec!["instance"], 0), "IMDSv2, without a try of the first");
}

#[test]
fn a_profile_of_single_sign_on_uses_the_token_of_its_login() {
    let (folder, sim) = house();
    let token = format!(
        "{{\"startUrl\": \"{PORTAL}\", \"region\": \"us-east-1\", \"accessToken\": \"{SSO_TOKEN}\", \
         \"expiresAt\": \"2999-01-01T00:00:00Z\"}}"
    );
    file(folder.path(), &format!(".aws/sso/cache/{PORTAL_SHA1}.json"), &token);
    let profile = format!(
        "[profile staff]\nsso_start_url = {PORTAL}\nsso_region = us-east-1\nsso_account_id = 123456789012\n\
         sso_role_name = calls\n"
    );
    let config = file(folder.path(), "aws-config", &profile);
    let url = sim.urls.places.clone();
    let variables =
        [("AWS_CONFIG_FILE", config.as_str()), ("AWS_PROFILE", "staff"), ("AWS_ENDPOINT_URL_SSO", url.as_str())];
    assert_eq!(session(folder.path(), &sim, &variables).as_deref(), Some("sso"));
    assert_eq!(sim.places.given(), ["sso"]);
}

#[test]
fn a_profile_assumes_a_role_by_another_profile() {
    let (folder, sim) = house();
    let profiles = format!(
        "[profile base]\naws_access_key_id = {DEFAULT_ACCESS_KEY_ID}\n\
         aws_secret_access_key = {DEFAULT_SECRET_ACCESS_KEY}\n\
         [profile calls]\nrole_arn = {ROLE}\nsource_profile = base\nrole_session_name = by-profile\n"
    );
    let config = file(folder.path(), "aws-config", &profiles);
    let url = sim.urls.sts.clone();
    let variables =
        [("AWS_CONFIG_FILE", config.as_str()), ("AWS_PROFILE", "calls"), ("AWS_ENDPOINT_URL_STS", url.as_str())];
    assert_eq!(session(folder.path(), &sim, &variables).as_deref(), Some("by-profile"));
    assert_eq!(sim.sts.assumed()[0].caller, DEFAULT_ACCESS_KEY_ID);
}

#[test]
fn a_role_is_assumed_with_what_a_container_gives() {
    let setup = Setup {
        providers: format!(
            "- {{ name: roles, kind: bedrock, region: us-east-1, base_url: 'BEDROCK_URL', \
             assume_role: {{ role_arn: '{ROLE}', sts_url: 'STS_URL' }} }}\n"
        ),
        models: format!("- {{ name: on-chain, targets: [{{ provider: roles, model: '{HAIKU}' }}] }}\n"),
        teams: String::new(),
        ..Setup::default()
    };
    let (folder, sim) = prepared(&setup);
    let (url, token) = (format!("{}/container", sim.urls.places), file(folder.path(), "token", CONTAINER_TOKEN));
    let variables = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str()),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token.as_str()),
    ];
    assert_eq!(session(folder.path(), &sim, &variables).as_deref(), Some("tg-default"));
    let assumed = sim.sts.assumed();
    assert!(assumed.len() == 1 && assumed[0].caller.starts_with("ASIAPLACE"), "{assumed:?}");
}
