//! A start without a file.

use tg_config::document::{ChainWord, Credentials};
use tg_config::environment::{EnvironmentError, from_environment};

fn lookup(pairs: &'static [(&'static str, &'static str)]) -> impl Fn(&str) -> Option<String> {
    move |name| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned())
}

#[test]
fn everything_is_found_and_no_secret_is_kept() {
    let found = from_environment(&lookup(&[
        ("ANTHROPIC_API_KEY", "hunter2"),
        ("ANTHROPIC_BASE_URL", "http://127.0.0.1:9000/v1"),
        ("OPENAI_API_KEY", "hunter2"),
        ("AWS_ACCESS_KEY_ID", "hunter2"),
        ("AWS_SECRET_ACCESS_KEY", "hunter2"),
        ("AWS_SESSION_TOKEN", "hunter2"),
        ("AWS_DEFAULT_REGION", "eu-central-1"),
        ("TALLYGATE_OPENAI_COMPATIBLE_URL", "http://192.168.1.5:8000/v1"),
        ("TALLYGATE_ADMIN_TOKEN", "hunter2"),
    ]))
    .unwrap();
    assert!(!format!("{found:?}").contains("hunter2"));
    let names: Vec<&str> = found.found.iter().map(|f| f.provider.as_str()).collect();
    assert_eq!(names, ["anthropic", "openai", "bedrock", "openai_compatible"]);
    assert_eq!(found.found[0].variables, ["ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"]);
    assert_eq!(found.found[2].variables.last(), Some(&"AWS_DEFAULT_REGION"));
    let document = found.document;
    assert_eq!(document.providers[0].base_url.as_ref().unwrap().as_str(), "http://127.0.0.1:9000");
    assert!(document.admin.token.is_some());
    for (asked, provider) in
        [("claude-x", "anthropic"), ("gpt-x", "openai"), ("us.meta.x", "bedrock"), ("llama3", "openai_compatible")]
    {
        assert_eq!(document.model(asked).unwrap().targets[0].provider.as_ref().unwrap().as_str(), provider);
    }
    // It is a document like any other.
    let text = serde_json::to_string(&document).unwrap();
    assert_eq!(tg_config::load::from_text("again", &text).unwrap(), document);
}

#[test]
fn a_shared_store_is_named_by_its_address_and_a_reference_to_its_password() {
    let variables = |url: &'static str| {
        from_environment(&move |name| match name {
            "TALLYGATE_STORE_URL" => Some(url.to_owned()),
            "ANTHROPIC_API_KEY" | "TALLYGATE_STORE_PASSWORD" => Some("hunter2".to_owned()),
            _ => None,
        })
    };
    let store = variables("postgres://t@db.example.com/t").unwrap().document.store;
    assert_eq!(store.url.as_ref().unwrap().user(), "t");
    assert_eq!(store.password, Some("env:TALLYGATE_STORE_PASSWORD".parse().unwrap()));
    let refused = variables("postgres://t:hunter2@db.example.com/t").unwrap_err().to_string();
    assert!(refused.contains("TALLYGATE_STORE_URL") && !refused.contains("hunter2"), "{refused}");
}

#[test]
fn a_bedrock_key_goes_before_credentials() {
    let found = from_environment(&lookup(&[
        ("AWS_BEARER_TOKEN_BEDROCK", "k"),
        ("AWS_ACCESS_KEY_ID", "k"),
        ("AWS_SECRET_ACCESS_KEY", "k"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_DEFAULT_REGION", "us-west-2"),
    ]))
    .unwrap();
    let bedrock = &found.document.providers[0];
    assert!(bedrock.api_key.is_some() && bedrock.credentials.is_none());
    assert_eq!(bedrock.region.as_deref(), Some("us-east-1"));
}

#[test]
fn nothing_found_says_what_to_do() {
    for (pairs, note) in [
        (&[][..], None),
        (&[("ANTHROPIC_API_KEY", "")][..], None),
        (&[("AWS_ACCESS_KEY_ID", "k")][..], Some("AWS_SECRET_ACCESS_KEY is not")),
        (&[("AWS_ACCESS_KEY_ID", "k"), ("AWS_SECRET_ACCESS_KEY", "k")][..], Some("AWS_REGION is not")),
    ] {
        let error = from_environment(&lookup(pairs)).unwrap_err();
        assert!(matches!(error, EnvironmentError::NothingFound { .. }));
        let shown = error.to_string();
        for expected in ["tallygate demo", "ANTHROPIC_API_KEY", "TALLYGATE_OPENAI_COMPATIBLE_URL"] {
            assert!(shown.contains(expected), "{shown}");
        }
        assert!(note.is_none_or(|note| shown.contains(note)), "{shown}");
    }
}

#[test]
fn a_wrong_value_is_a_problem() {
    for (pairs, expected) in [
        (
            &[("OPENAI_API_KEY", "k"), ("OPENAI_BASE_URL", "localhost:80")][..],
            "OPENAI_BASE_URL: the URL does not begin",
        ),
        (&[("OPENAI_API_KEY", "k"), ("OPENAI_BASE_URL", "http://10.0.0.1/v1")][..], "10.0.0.1 is a private address"),
        (&[("AWS_BEARER_TOKEN_BEDROCK", "k"), ("AWS_REGION", "x/../y")][..], "is not a region"),
        (&[("TALLYGATE_OPENAI_COMPATIBLE_URL", "http://169.254.169.254/v1")][..], "never dialled"),
    ] {
        let error = from_environment(&lookup(pairs)).unwrap_err();
        assert!(matches!(error, EnvironmentError::Bad(_)));
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn the_default_chain_is_used_where_it_is_clearly_wanted() {
    for variable in [
        "AWS_PROFILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    ] {
        let lookup = |name: &str| (name == variable || name == "AWS_REGION").then(|| "eu-west-1".to_owned());
        let found = from_environment(&lookup).unwrap();
        let bedrock = &found.document.providers[0];
        assert_eq!(bedrock.credentials, Some(Credentials::Chain(ChainWord::Chain)), "{variable}");
        assert_eq!(found.found[0].variables, [variable, "AWS_REGION"]);
        let text = serde_json::to_string(&found.document).unwrap();
        assert_eq!(tg_config::load::from_text("again", &text).unwrap(), found.document);
    }
    // A region alone says nothing: it is set on many machines that have no models.
    from_environment(&lookup(&[("AWS_REGION", "eu-west-1")])).unwrap_err();
    let keys = from_environment(&lookup(&[
        ("AWS_PROFILE", "p"),
        ("AWS_ACCESS_KEY_ID", "k"),
        ("AWS_SECRET_ACCESS_KEY", "k"),
        ("AWS_REGION", "eu-west-1"),
    ]))
    .unwrap();
    assert!(keys.document.providers[0].credentials.as_ref().unwrap().keys().is_some(), "stated keys go before");
}
