//! The least IAM policies for a provider, as its models and its role demand them.

use serde_json::{Value, json};
use std::collections::BTreeSet;
use tg_config::document::{AssumeRole, Document, GuardServiceKind, Provider, partition_of};
use tg_dialect::dialects::bedrock_converse::Guardrail;
use tg_kernel::pattern;

/// Stands for the gateway's own identity until its operator puts it there.
const PRINCIPAL: &str = "REPLACE-WITH-THE-ARN-OF-THE-GATEWAY'S-OWN-ROLE-OR-USER";

/// What the gateway calls.
const ACTIONS: [&str; 3] = ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream", "bedrock:CountTokens"];

/// Prefixes of the inference profiles that AWS defines.
const GEOGRAPHIES: [&str; 9] = ["us", "us-gov", "eu", "apac", "au", "ca", "jp", "in", "global"];

/// The policies of one provider.
pub(super) fn policies(document: &Document, provider: &Provider, principal: Option<&str>) -> Value {
    let region = provider.region.as_deref().unwrap_or_default();
    let resources = Resources::of(document, provider, region);
    let mut asks: Vec<Value> = resources.any.then(|| learn_of_profiles(region)).into_iter().collect();
    let mut statements = resources.statements();
    if !provider.async_output.is_empty() {
        statements.extend(invocations(provider, region));
        asks.push(learn_of_invocations(region));
    }
    if provider.api_key.is_some() {
        statements.push(json!({
            "Sid": "CallWithAnApiKey", "Effect": "Allow", "Action": "bedrock:CallWithBearerToken", "Resource": "*",
        }));
    }
    statements.extend(mantle(provider, region));
    let Some(role) = &provider.assume_role else {
        statements.extend(asks);
        return json!({ "permissions": policy(statements) });
    };
    let assume = json!({
        "Sid": "AssumeTheRoleThatCalls",
        "Effect": "Allow",
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Resource": role.role_arn,
    });
    json!({
        "permissions": policy(statements),
        "gateway": policy([assume].into_iter().chain(asks).collect()),
        "trust": policy(trust(role, principal.unwrap_or(PRINCIPAL))),
    })
}

/// What calls to the mantle endpoint need. Those that no entry of `mantle_projects` is for count to the default project,
/// whose id is not known here.
fn mantle(provider: &Provider, region: &str) -> Vec<Value> {
    if !provider.uses_mantle() {
        return Vec::new();
    }
    let projects = format!("arn:{}:bedrock-mantle:{region}:*:project/*", partition_of(region));
    let allow = |sid: &str, action: &str, resource: &str| json!({ "Sid": sid, "Effect": "Allow", "Action": action, "Resource": resource });
    let with_key = provider.api_key.as_ref();
    let with_key = with_key.map(|_| allow("CallMantleWithAnApiKey", "bedrock-mantle:CallWithBearerToken", "*"));
    [allow("CallMantle", "bedrock-mantle:CreateInference", &projects)].into_iter().chain(with_key).collect()
}

/// Callers may name any profile then, and the gateway asks by its own identity which model it stands for.
fn learn_of_profiles(region: &str) -> Value {
    let profiles = format!("arn:{}:bedrock:{region}:*:application-inference-profile/*", partition_of(region));
    json!({ "Sid": "LearnOfProfiles", "Effect": "Allow", "Action": "bedrock:GetInferenceProfile", "Resource": profiles })
}

/// To start asynchronous invocations (as models are called), tag them, look at them, and write their output.
fn invocations(provider: &Provider, region: &str) -> Vec<Value> {
    let partition = partition_of(region);
    let all = format!("arn:{partition}:bedrock:{region}:*:async-invoke/*");
    // IAM knows the same star for whatever name stands there.
    let object = |folder: &String| {
        let place = folder.trim_start_matches("s3://").trim_end_matches('/');
        format!("arn:{partition}:s3:::{}/*", place.replace("{team}", "*").replace("{project}", "*"))
    };
    let objects: BTreeSet<String> = provider.async_output.iter().map(object).collect();
    vec![
        json!({ "Sid": "TagAndSeeInvocations", "Effect": "Allow", "Action": ["bedrock:GetAsyncInvoke", "bedrock:TagResource"], "Resource": all }),
        json!({ "Sid": "ListInvocations", "Effect": "Allow", "Action": "bedrock:ListAsyncInvokes", "Resource": "*" }),
        json!({ "Sid": "WriteOutputOfInvocations", "Effect": "Allow", "Action": "s3:PutObject", "Resource": objects }),
    ]
}

/// The gateway asks by its own identity whose an invocation is.
fn learn_of_invocations(region: &str) -> Value {
    let all = format!("arn:{}:bedrock:{region}:*:async-invoke/*", partition_of(region));
    json!({ "Sid": "LearnOfInvocations", "Effect": "Allow", "Action": "bedrock:ListTagsForResource", "Resource": all })
}

fn policy(statements: Vec<Value>) -> Value {
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// Who may take on the role, under which names and with which tags.
fn trust(role: &AssumeRole, principal: &str) -> Vec<Value> {
    let mut assume = json!({ "StringLike": { "sts:RoleSessionName": "tg-*" } });
    if let Some(id) = &role.external_id {
        assume["StringEquals"] = json!({ "sts:ExternalId": id });
    }
    let own = ["team", "project", "environment", "cost-centre"].map(str::to_owned);
    let tags: BTreeSet<String> = own.into_iter().chain(role.tags.keys().cloned()).collect();
    let principal = json!({ "AWS": principal });
    vec![
        json!({
            "Sid": "SessionsOfTheGateway",
            "Effect": "Allow",
            "Principal": principal,
            "Action": "sts:AssumeRole",
            "Condition": assume,
        }),
        json!({
            "Sid": "WithTheirTags",
            "Effect": "Allow",
            "Principal": principal,
            "Action": "sts:TagSession",
            "Condition": {
                "StringLike": { "aws:RequestTag/team": "*" },
                "ForAllValues:StringEquals": { "aws:TagKeys": tags },
            },
        }),
    ]
}

/// What the provider's models are in ARNs.
#[derive(Default)]
struct Resources {
    /// Called by themselves.
    direct: BTreeSet<String>,
    /// Inference profiles, each with the models to which it may lead.
    profiles: BTreeSet<(String, String)>,
    /// Names pass through: any model may be called.
    any: bool,
    /// Guardrails that are asked apart from a model, or with which all calls are made.
    guardrails: BTreeSet<String>,
    /// The checks that need no guardrail of the account.
    checks: bool,
}

impl Resources {
    fn of(document: &Document, provider: &Provider, region: &str) -> Self {
        let mut found = Self::default();
        let (partition, name) = (partition_of(region), provider.name.as_str());
        for model in &document.models {
            for target in
                model.targets.iter().filter(|target| target.provider.as_ref().is_some_and(|own| own.as_str() == name))
            {
                let name = model.name.as_str();
                match target.model.as_deref() {
                    id if name.starts_with("guardrail") => found.guardrail(id.unwrap_or(name), partition, region),
                    Some(id) if provider.only_on_mantle(id) => {}
                    Some(id) => found.add(id, partition, region),
                    None if model.name.is_exact() && provider.only_on_mantle(name) => {}
                    None if model.name.is_exact() => found.add(name, partition, region),
                    None => found.any = true,
                }
            }
        }
        if let Some(guardrail) = &provider.guardrail {
            found.applied(&guardrail.id, partition, region);
        }
        for guard in document.guards.iter().filter(|guard| guard.provider.as_ref() == Some(&provider.name)) {
            match (guard.kind, &guard.guardrail, &guard.model) {
                (GuardServiceKind::BedrockGuardrail, Some(guardrail), _) => {
                    found.applied(&guardrail.id, partition, region);
                }
                (GuardServiceKind::BedrockChecks, ..) => found.checks = true,
                (GuardServiceKind::Judge, _, Some(model)) => found.add(model, partition, region),
                _ => {}
            }
        }
        for profile in &provider.inference_profiles {
            if let Some(arn) = &profile.arn {
                found.profile(arn, profile.model.as_str(), partition);
            }
        }
        found
    }

    /// A profile that is named to AWS in the place of `model`, which may be a pattern.
    fn profile(&mut self, arn: &str, model: &str, partition: &str) {
        let model = without_geography(model).unwrap_or(model);
        // An ARN tells no model; IAM knows the same stars as patterns do.
        let model = if model.starts_with("arn:") { "*" } else { model };
        self.profiles.insert((arn.to_owned(), format!("arn:{partition}:bedrock:*::foundation-model/{model}")));
    }

    /// `name` is that of a guardrail, or a pattern of such names.
    fn guardrail(&mut self, name: &str, partition: &str, region: &str) {
        let checks = Guardrail::Checks.name();
        self.checks |= pattern::matches(name, &checks);
        let id = match Guardrail::named(name) {
            Some(Guardrail::Checks) => return,
            Some(Guardrail::Applied { id, .. }) => id,
            None => "*",
        };
        self.applied(id, partition, region);
    }

    /// A guardrail, or all of the account's (`*`).
    fn applied(&mut self, id: &str, partition: &str, region: &str) {
        let own = || format!("arn:{partition}:bedrock:{region}:*:guardrail/{id}");
        self.guardrails.insert(if id.starts_with("arn:") { id.to_owned() } else { own() });
    }

    fn add(&mut self, id: &str, partition: &str, region: &str) {
        let models = |id: &str| format!("arn:{partition}:bedrock:*::foundation-model/{id}");
        if id.starts_with("arn:") {
            let resource = id.splitn(6, ':').nth(5).unwrap_or_default();
            match resource.split_once('/') {
                // To which models an application's profile leads is not in its ARN.
                Some(("application-inference-profile", _)) => drop(self.profiles.insert((id.to_owned(), models("*")))),
                Some(("inference-profile", profile)) => {
                    self.profiles.insert((id.to_owned(), models(without_geography(profile).unwrap_or(profile))));
                }
                _ => drop(self.direct.insert(id.to_owned())),
            }
        } else if let Some(model) = without_geography(id) {
            let profile = format!("arn:{partition}:bedrock:{region}:*:inference-profile/{id}");
            self.profiles.insert((profile, models(model)));
        } else {
            self.direct.insert(format!("arn:{partition}:bedrock:{region}::foundation-model/{id}"));
        }
    }

    fn statements(self) -> Vec<Value> {
        let allow = |sid: &str, resources: Value| json!({ "Sid": sid, "Effect": "Allow", "Action": ACTIONS, "Resource": resources });
        let mut statements = self.guardrail_statements();
        if self.any {
            statements.insert(0, allow("CallAnyModel", json!("*")));
            return statements;
        }
        let profiles: Vec<&String> = self.profiles.iter().map(|(profile, _)| profile).collect();
        if !self.direct.is_empty() || !profiles.is_empty() {
            let resources: BTreeSet<&String> = self.direct.iter().chain(profiles.iter().copied()).collect();
            statements.push(allow("CallModels", json!(resources)));
        }
        if !profiles.is_empty() {
            let models: BTreeSet<&String> = self.profiles.iter().map(|(_, model)| model).collect();
            let mut through = allow("CallModelsThroughProfiles", json!(models));
            through["Condition"] = json!({ "StringLike": { "bedrock:InferenceProfileArn": profiles } });
            statements.push(through);
        }
        statements
    }

    fn guardrail_statements(&self) -> Vec<Value> {
        let allow = |sid: &str, action: &str, resources: Value| json!({ "Sid": sid, "Effect": "Allow", "Action": action, "Resource": resources });
        let applied = (!self.guardrails.is_empty())
            .then(|| allow("ApplyGuardrails", "bedrock:ApplyGuardrail", json!(self.guardrails)));
        let checked = self.checks.then(|| allow("CheckWithoutOne", "bedrock:InvokeGuardrailChecks", json!("*")));
        applied.into_iter().chain(checked).collect()
    }
}

/// The model to which an inference profile of AWS leads; none for other ids.
fn without_geography(id: &str) -> Option<&str> {
    id.split_once('.').filter(|(geography, _)| GEOGRAPHIES.contains(geography)).map(|(_, model)| model)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(provider: &str, models: &str, principal: Option<&str>) -> Value {
        let text = format!("providers: [{{name: b, kind: bedrock, {provider}}}]\nmodels: [{models}]");
        let document = tg_config::load::from_text("test", &text).unwrap();
        policies(&document, &document.providers[0], principal)
    }

    #[test]
    fn only_the_models_that_are_named_may_be_called() {
        let models = "{name: a, targets: [{provider: b, model: us.anthropic.claude-x}, {provider: b, model: amazon.nova-lite-v1:0}]}, \
                      {name: 'arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/p1', targets: [{provider: b}]}";
        let all = written("region: us-east-1", models, None);
        let application = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/p1";
        let profile = "arn:aws:bedrock:us-east-1:*:inference-profile/us.anthropic.claude-x";
        assert_eq!(
            all,
            json!({ "permissions": { "Version": "2012-10-17", "Statement": [
                {
                    "Sid": "CallModels", "Effect": "Allow", "Action": ACTIONS,
                    "Resource": [profile, application, "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0"],
                },
                {
                    "Sid": "CallModelsThroughProfiles", "Effect": "Allow", "Action": ACTIONS,
                    "Resource": [
                        "arn:aws:bedrock:*::foundation-model/*",
                        "arn:aws:bedrock:*::foundation-model/anthropic.claude-x",
                    ],
                    "Condition": { "StringLike": { "bedrock:InferenceProfileArn": [profile, application] } },
                },
            ] } })
        );
    }

    #[test]
    fn profiles_of_teams_may_be_called_through_and_asked_about_where_any_may_be_named() {
        let arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/p1";
        let provider = format!(
            "region: us-east-1, inference_profiles: [{{model: us.anthropic.claude-x, team: t, arn: '{arn}'}}, {{model: m, team: u}}]"
        );
        let one = written(&provider, "{name: a, targets: [{provider: b, model: us.anthropic.claude-x}]}", None);
        let statements = &one["permissions"]["Statement"];
        let profile = "arn:aws:bedrock:us-east-1:*:inference-profile/us.anthropic.claude-x";
        assert_eq!(statements[0]["Resource"], json!([profile, arn]));
        assert_eq!(statements[1]["Resource"], json!(["arn:aws:bedrock:*::foundation-model/anthropic.claude-x"]));
        assert_eq!(statements[1]["Condition"]["StringLike"]["bedrock:InferenceProfileArn"], json!([profile, arn]));
        assert!(statements[2].is_null());
        let any = written(&provider, "{name: '*', targets: [{provider: b}]}", None);
        let asked = &any["permissions"]["Statement"][1];
        assert_eq!(asked["Action"], "bedrock:GetInferenceProfile");
        assert_eq!(asked["Resource"], "arn:aws:bedrock:us-east-1:*:application-inference-profile/*");
    }

    #[test]
    fn invocations_are_started_tagged_seen_and_written_and_their_tags_read_by_the_gateway_itself() {
        let output = "async_output: ['s3://ml/{team}/', 's3://all']";
        let models = "{name: a, targets: [{provider: b, model: amazon.nova-reel-v1:1}]}";
        let all = "arn:aws:bedrock:us-east-1:*:async-invoke/*";
        let role = "assume_role: {role_arn: 'arn:aws:iam::123456789012:role/calls'}";
        let (own, assumed) = (
            written(&format!("region: us-east-1, {output}"), models, None),
            written(&format!("region: us-east-1, {output}, {role}"), models, None),
        );
        for policies in [&own, &assumed] {
            let statements = &policies["permissions"]["Statement"];
            assert_eq!(statements[1]["Action"], json!(["bedrock:GetAsyncInvoke", "bedrock:TagResource"]));
            assert_eq!((&statements[1]["Resource"], &statements[2]["Resource"]), (&json!(all), &json!("*")));
            assert_eq!(statements[3]["Resource"], json!(["arn:aws:s3:::all/*", "arn:aws:s3:::ml/*/*"]));
        }
        let asks = json!({ "Sid": "LearnOfInvocations", "Effect": "Allow", "Action": "bedrock:ListTagsForResource", "Resource": all });
        assert_eq!((&own["permissions"]["Statement"][4], &assumed["gateway"]["Statement"][1]), (&asks, &asks));
        assert!(assumed["permissions"]["Statement"][4].is_null());
        let none = written("region: us-east-1", models, None);
        assert!(none["permissions"]["Statement"][1].is_null());
    }

    #[test]
    fn what_all_calls_and_guards_need_is_allowed() {
        let provider = "region: us-east-1, guardrail: {id: gr1, version: '1'}";
        let text = format!(
            "providers: [{{name: b, kind: bedrock, {provider}}}, {{name: plain, kind: bedrock, region: us-east-1}}]\n\
             models: [{{name: a, targets: [{{provider: b, model: amazon.nova-lite-v1:0}}]}}]\n\
             guards: [{{name: g, kind: bedrock_guardrail, provider: b, guardrail: {{id: gr2, version: '1'}}}}, \
             {{name: c, kind: bedrock_checks, provider: b, thresholds: {{JAILBREAK: 0.5}}}}, \
             {{name: j, kind: judge, provider: plain, model: amazon.nova-micro-v1:0}}]"
        );
        let document = tg_config::load::from_text("test", &text).unwrap();
        let all: String =
            document.providers.iter().map(|provider| policies(&document, provider, None).to_string()).collect();
        for part in ["guardrail/gr1", "guardrail/gr2", "bedrock:InvokeGuardrailChecks", "amazon.nova-micro-v1:0"] {
            assert!(all.contains(part), "{part}: {all}");
        }
    }

    #[test]
    fn guardrails_are_allowed_where_routes_name_them_and_no_model_with_them() {
        let apply = |resource: &str| json!({ "Sid": "ApplyGuardrails", "Effect": "Allow", "Action": "bedrock:ApplyGuardrail", "Resource": [resource] });
        let check = json!({ "Sid": "CheckWithoutOne", "Effect": "Allow", "Action": "bedrock:InvokeGuardrailChecks", "Resource": "*" });
        let (all, one) = ("arn:aws:bedrock:us-east-1:*:guardrail/*", "arn:aws:bedrock:us-east-1:*:guardrail/gr1");
        let other = "arn:aws:bedrock:us-east-1:123456789012:guardrail/gr2";
        for (name, target, statements) in [
            ("guardrail*", String::new(), vec![apply(all), check.clone()]),
            ("guardrail/*", String::new(), vec![apply(all)]),
            ("guardrail/gr1/*", String::new(), vec![apply(one)]),
            ("guardrail/prod/1", format!(", model: 'guardrail/{other}/3'"), vec![apply(other)]),
            ("guardrail-checks", String::new(), vec![check]),
        ] {
            let models = format!("{{name: '{name}', targets: [{{provider: b{target}}}]}}");
            let written = written("region: us-east-1", &models, None);
            assert_eq!(written["permissions"]["Statement"], Value::from(statements), "{name}");
        }
    }

    #[test]
    fn calls_to_mantle_need_actions_of_their_own_and_models_that_are_only_there_no_others() {
        let surfaces = "surfaces: [{models: [anthropic.new], dialects: [anthropic_messages], endpoint: mantle, only: true}, \
                        {models: ['openai.*'], dialects: [openai_chat], endpoint: mantle}]";
        let models = "{name: a, targets: [{provider: b, model: anthropic.new}, {provider: b, model: openai.x}]}, \
                      {name: anthropic.new, targets: [{provider: b}]}";
        let all = written(&format!("region: us-east-1, api_key: env:K, {surfaces}"), models, None);
        let statements = all["permissions"]["Statement"].as_array().unwrap();
        let found: Vec<_> = statements.iter().map(|one| (&one["Action"], &one["Resource"])).collect();
        assert_eq!(
            found,
            [
                (&json!(ACTIONS), &json!(["arn:aws:bedrock:us-east-1::foundation-model/openai.x"])),
                (&json!("bedrock:CallWithBearerToken"), &json!("*")),
                (&json!("bedrock-mantle:CreateInference"), &json!("arn:aws:bedrock-mantle:us-east-1:*:project/*")),
                (&json!("bedrock-mantle:CallWithBearerToken"), &json!("*")),
            ]
        );
    }

    #[test]
    fn names_that_pass_through_may_be_any_model_and_api_keys_need_one_more_action() {
        let all =
            written("region: cn-north-1, api_key: env:K", "{name: 'anthropic.*', targets: [{provider: b}]}", None);
        let statements = &all["permissions"]["Statement"];
        assert_eq!(
            (&statements[0]["Resource"], &statements[1]["Action"]),
            (&json!("*"), &json!("bedrock:CallWithBearerToken"))
        );
        assert!(all["trust"].is_null() && all["gateway"].is_null());
    }

    #[test]
    fn a_role_trusts_the_gateway_alone_under_its_names_and_tags() {
        let role = "arn:aws-us-gov:iam::123456789012:role/calls";
        let provider =
            format!("region: us-gov-west-1, assume_role: {{role_arn: '{role}', external_id: e-1, tags: {{owner: x}}}}");
        let models = "{name: a, targets: [{provider: b, model: m.x}]}";
        let me = "arn:aws-us-gov:iam::123456789012:role/gateway";
        let all = written(&provider, models, Some(me));
        assert_eq!(all["gateway"]["Statement"][0]["Resource"], role);
        let trust = &all["trust"]["Statement"];
        assert_eq!((&trust[0]["Principal"]["AWS"], &trust[0]["Action"]), (&json!(me), &json!("sts:AssumeRole")));
        assert_eq!(
            trust[0]["Condition"],
            json!({ "StringLike": { "sts:RoleSessionName": "tg-*" }, "StringEquals": { "sts:ExternalId": "e-1" } })
        );
        assert_eq!(
            trust[1]["Condition"]["ForAllValues:StringEquals"]["aws:TagKeys"],
            json!(["cost-centre", "environment", "owner", "project", "team"])
        );
        let placeholder = written(&provider, models, None);
        assert_eq!(placeholder["trust"]["Statement"][1]["Principal"]["AWS"], PRINCIPAL);
    }
}
