//! Every form is found in values made by chance as it says, and not in those that come near.

use super::forms::{Check, FORMS, NAMED};
use super::pattern::{Pattern, Piece};
use super::*;
use proptest::prelude::*;

/// Numbers that are the same at each run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % bound.max(1)
    }
}

/// A value that fits a pattern; runs without an end have some characters more than they need.
fn make(pattern: &Pattern, chance: &mut Chance) -> String {
    let mut value = String::new();
    for piece in pattern.pieces() {
        match piece {
            Piece::Text(all) => value.push_str(&all[chance.below(all.len())]),
            Piece::Run(class, min, max) => {
                let members = class.members();
                let length = if min == max { *min } else { min + (max - min).min(7) };
                (0..length).for_each(|_| value.push(char::from(members[chance.below(members.len())])));
            }
        }
    }
    value
}

/// The checksum or header that a form wants.
fn mend(check: Check, value: String) -> String {
    match check {
        Check::Form => value,
        Check::AwsKey => {
            value.chars().enumerate().map(|(at, c)| if at > 3 && "0189".contains(c) { '7' } else { c }).collect()
        }
        Check::Crc32 => {
            let (prefix, body) = value.split_once('_').unwrap();
            let body = &body[..body.len() - 6];
            let sum = check::base62(check::crc32(body.as_bytes()));
            format!("{prefix}_{body}{}", String::from_utf8(sum.to_vec()).unwrap())
        }
        // {"alg":"HS256","typ":"JWT"}
        Check::Jwt => {
            let (_, rest) = value.split_once('.').unwrap();
            format!("eyJ{}.{rest}", "hbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9")
        }
    }
}

fn found(text: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    Secrets::all().find(&View::open_only(text), &mut found);
    found
}

fn covers(text: &str, value: &str) -> bool {
    let at = text.find(value).unwrap();
    found(text).iter().any(|f| f.span.start <= at + value.len() / 2 && f.span.end >= at + value.len())
}

#[test]
fn there_are_more_than_two_hundred_forms_and_no_two_have_one_name() {
    let all: Vec<Entry> = entries().collect();
    let names: BTreeSet<&str> = all.iter().map(|entry| entry.id).collect();
    assert_eq!(names.len(), all.len(), "{:?}", twice(&all));
    assert!(all.iter().filter(|entry| entry.basis == Basis::Form).count() > 300);
    assert!(
        names.iter().all(|id| id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')),
        "{names:?}"
    );
    assert!(all.iter().all(|entry| !entry.vendor.is_empty() && !entry.what.is_empty()));
}

fn twice(all: &[Entry]) -> Vec<&str> {
    let mut seen = BTreeSet::new();
    all.iter().filter(|entry| !seen.insert(entry.id)).map(|entry| entry.id).collect()
}

#[test]
fn each_pattern_of_a_form_has_a_word_to_look_for() {
    for form in FORMS.iter().copied().flatten() {
        for pattern in scan::patterns(form.pattern) {
            assert!(pattern.keys().is_some(), "{}: {:?}", form.id, pattern.pieces());
        }
    }
}

#[test]
fn each_form_is_found_and_what_comes_near_is_not() {
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let mut wrong = Vec::new();
    for form in FORMS.iter().copied().flatten() {
        for pattern in scan::patterns(form.pattern) {
            // Chance may make what looks like filling: one of several is enough, and most must do.
            let values: Vec<String> = (0..6).map(|_| mend(form.check, make(&pattern, &mut chance))).collect();
            let hit = values.iter().filter(|value| covers(&format!("see {value} \n"), value)).count();
            let alone = values.iter().filter(|value| covers(value, value)).count();
            if hit < 4 || alone < 4 {
                wrong.push(format!("{} found {hit} and {alone} of 6: {}", form.id, values[0]));
            }
            // Glued to other letters it is another word.
            let glued = values
                .iter()
                .filter(|value| {
                    told(&format!("q{value}"), form.id) && value.starts_with(|c: char| c.is_ascii_alphanumeric())
                })
                .count();
            // What lacks its last characters, where their number is fixed.
            let fixed = matches!(pattern.pieces().last(), Some(Piece::Run(_, min, max)) if min == max && *min > 3);
            let short = values.iter().filter(|value| fixed && told(&value[..value.len() - 1], form.id)).count();
            if (glued > 1 || short > 1) && scan::patterns(form.pattern).len() == 1 {
                wrong.push(format!("{} near {glued} glued, {short} short: {}", form.id, values[0]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_underscore_or_a_dash_beside_a_value_hides_none() {
    let body = "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dF3gH5";
    for value in [
        "AKIAQ3EGRLZ5UPYW2KHD".to_owned(),
        format!("{}{}", "glpat-", &body[..20]),
        format!("{}SyD9x8Kq2LmN4pR7tV1wY3zB5cF6gH0jK_Q", "AIza"),
        format!("{}123456789012-1234567890123-{}", "xoxb-", &body[..24]),
        format!("{}{}", "sk_live_", &body[..24]),
    ] {
        for (before, behind) in
            [("_", ""), ("_", "_"), ("__", "__"), ("backup_", ""), ("MY_KEY_", " now"), ("", "_"), ("-", "")]
        {
            let text = format!("see {before}{value}{behind}");
            assert!(covers(&text, &value), "{text}: {:?}", found(&text));
        }
    }
    assert!(covers("see AKIAQ3EGRLZ5UPYW2KHD_old.csv", "AKIAQ3EGRLZ5UPYW2KHD"));
    for text in ["see xAKIAQ3EGRLZ5UPYW2KHD", "see AKIAQ3EGRLZ5UPYW2KHDx", "see _AKIAQ3EGRLZ5UPYW2KHD7_x"] {
        assert!(!told(text, "aws-access-key-id"), "{text}");
    }
}

fn told(text: &str, id: &str) -> bool {
    found(text).iter().any(|f| f.rule == id)
}

#[test]
fn each_vendor_is_known_by_its_name() {
    let mut chance = Chance(0x2545_f491_4f6c_dd1d);
    let mut wrong = Vec::new();
    for row in NAMED {
        let word = row.words.split('|').next().unwrap().trim_end_matches('_');
        let pattern = &scan::patterns(row.pattern)[0];
        let hit = (0..8).filter(|_| {
            let value = make(pattern, &mut chance);
            covers(&format!("{word}_api_token = \"{value}\""), &value)
        });
        let count = hit.count();
        if count < 4 {
            wrong.push(format!("{} found {count} of 8", row.id));
        }
        assert!(!covers(&format!("{word}_api_token = \"${{TOKEN_9}}\""), "TOKEN_9"), "{}", row.id);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn checksums_tell_how_sure_a_token_is() {
    let mut chance = Chance(77);
    let form = FORMS.iter().copied().flatten().find(|form| form.id == "github-pat").unwrap();
    let raw = make(&scan::patterns(form.pattern)[0], &mut chance);
    let right = mend(form.check, raw.clone());
    assert!(found(&right)[0].score > 0.99);
    assert!(found(&raw)[0].score < 0.6);
    // A web token whose header is no JSON is none.
    assert!(!told(&format!("eyJ{}.eyJ{}.{}", "x0K9dJ2mQ8vB4n", "x0K9dJ2mQ8vB4n", "x0K9dJ2mQ8vB4n"), "jwt"));
}

#[test]
fn blocks_are_read_in_their_own_ways() {
    let key = format!(
        "-----BEGIN {} KEY-----\n{}\n-----END {} KEY-----",
        "RSA PRIVATE", "MIIEpQIBAAKCAQEAn6+O8li9SX4m98LLYtPKSzEmQ7ZBD7Loh9P13f4y", "RSA PRIVATE"
    );
    assert_eq!(&key[found(&key)[0].span.range()], key);
    for (text, value, id) in [
        ("postgres://bob:k8!s02zQ@db.acme.io:5432/x", "k8!s02zQ", "url-password"),
        ("redis://:k8!s02zQ@cache:6379", "k8!s02zQ", "url-password"),
        ("amqp://bob:a/b9!cQ@mq/v", "a/b9!cQ", "url-password"),
        ("Authorization: Basic Ym9iOms4IXMwMno=", "Ym9iOms4IXMwMno=", "http-basic"),
        ("machine h.io login bob password 9k2jd8f0s", "9k2jd8f0s", "netrc-password"),
        ("db.acme.io:5432:prod:bob:Kj28sa!x", "Kj28sa!x", "pgpass-password"),
        ("curl -s -u bob:k8s02zQ9x https://h.io", "k8s02zQ9x", "curl-user"),
        ("{\"auths\":{\"r.io\":{\"auth\": \"Ym9iOms4IXMwMno=\"}}}", "Ym9iOms4IXMwMno=", "docker-auth"),
        ("ConvertTo-SecureString \"P@k9xk!q\" -AsPlainText", "P@k9xk!q", "command-password"),
        ("docker login -u bob -p k8s02zQ9x r.io", "k8s02zQ9x", "tool-password"),
        ("//npm.acme.io/:_authToken=q8Zk2mX7vB4nR1tW", "q8Zk2mX7vB4nR1tW", "generic-secret"),
        ("DB_PASSWORD='k8!s02zQ'", "k8!s02zQ", "generic-password"),
    ] {
        let all = found(text);
        let told: Vec<_> = all.iter().map(|f| (&*f.rule, &text[f.span.range()])).collect();
        assert!(told.contains(&(id, value)), "{text}: {told:?}");
    }
}

#[test]
fn what_is_no_secret_is_left_alone() {
    for text in [
        "commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
        "id: 3f2504e0-4f89-41d3-9a0c-0305e82c3301",
        "\"integrity\": \"sha512-q8Zk2mX7vB4nR1tWq8Zk2mX7vB4nR1tWq8Zk2mX7vB4nR1tWq8Zk2mX7vB4nR1tWq8Zk2mX7vB4nR1tWq8Zk2m==\"",
        "src=\"data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==\"",
        "password = os.environ[\"DB_PASSWORD\"]",
        "password: ${DB_PASSWORD}",
        "api_key=YOUR_API_KEY_HERE_1234",
        "token: <your token>",
        "The key to success is patience; the secret is practice.",
        "const tokenizer = new GPT2Tokenizer();",
        "max_tokens: 4096, key: \"name\", sort_key=\"created_at_2024\"",
        "postgres://user:password@localhost/db",
        "https://${USER}:${PASS}@example.com",
        "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAu\n-----END PUBLIC KEY-----",
        "pub const ACCESS_TOKEN_UPDATED: i32 = -2147218020i32;",
        "public_key = \"q8Zk2mX7vB4nR1tWq8Zk2mX7vB4nR1tW\"",
        "function getToken(a){return a.token=b.c4x9(a),!0}",
        "curl -u \"$USER:$PASS\" https://h.io",
    ] {
        assert!(found(text).is_empty(), "{text}: {:?}", found(text));
    }
    assert!(found(&format!("key {}EXAMPLE", "AKIAIOSFODNN7")).is_empty());
}

#[test]
fn what_is_encoded_is_found_where_it_hides() {
    // DB_PASSWORD='k8!s02zQ' is what it says
    let text = "run echo REJfUEFTU1dPUkQ9J2s4IXMwMnpRJyBpcyB3aGF0IGl0IHNheXM= | base64 -d";
    let mut all = Vec::new();
    Secrets::all().find(&View::of(text), &mut all);
    assert!(
        all.iter().any(|f| f.rule == "generic-password" && text[f.span.range()].starts_with("REJfUEFT")),
        "{all:?}"
    );
}

#[test]
fn some_can_be_chosen() {
    let text = "DB_PASSWORD='k8!s02zQ' postgres://bob:k8!s02zR@db.acme.io";
    let rules = |secrets: &Secrets| {
        let mut all = Vec::new();
        secrets.find(&View::of(text), &mut all);
        all.into_iter().map(|f| f.rule.into_owned()).collect::<Vec<_>>()
    };
    assert_eq!(rules(&Secrets::all()), ["generic-password", "url-password"]);
    assert_eq!(rules(&Secrets::of(["url-password"]).unwrap()), ["url-password"]);
    assert_eq!(rules(&Secrets::but(["url-password"]).unwrap()), ["generic-password"]);
    assert_eq!(
        Secrets::of(["no-such"]).unwrap_err().to_string(),
        "`no-such` is not a form of credentials; `tg_text::secrets::entries` lists them"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_text_is_read_and_findings_are_sorted_apart_and_on_characters(
        parts in prop::collection::vec(prop_oneof![
            "[ -~]{0,20}", Just("password=".to_owned()), Just("://".to_owned()), Just("-----BEGIN PRIVATE KEY-----".to_owned()),
            Just("eyJ".to_owned()), Just("é\u{200b}".to_owned()), Just("\"key\": \"".to_owned()), "[A-Za-z0-9]{8,40}", Just("@".to_owned()),
            Just("\\\"".to_owned()), Just("Basic ".to_owned()), Just("curl -u ".to_owned()), Just("|".to_owned()),
        ], 0..24),
    ) {
        let text = parts.concat();
        let all = found(&text);
        prop_assert!(all.windows(2).all(|pair| pair[0].span.end <= pair[1].span.start), "{:?}", all);
        for finding in &all {
            prop_assert!(text.get(finding.span.range()).is_some_and(|value| !value.is_empty()), "{:?}", finding);
            prop_assert!(finding.score > 0.0 && finding.score <= 1.0);
        }
    }
}

#[test]
fn a_block_is_a_key_while_its_lines_are_those_of_one() {
    let begin = "-----BEGIN RSA PRIVATE KEY-----";
    for rest in
        ["", "\n", "\nMIIEpAIBAAKCAQEA7+/=\r\nabc", "\nProc-Type: 4,ENCRYPTED\nDEK-Info: A,0\n\nMIIE", "\\nMIIE\\n"]
    {
        assert!(is_open_key(&format!("{begin}{rest}")), "{rest}");
    }
    for rest in [". So it begins", "\nMIIE\nA: b\nC: d", "\nWhat is it?", &"a".repeat(20_000)] {
        assert!(!is_open_key(&format!("{begin}{rest}")), "{rest}");
    }
    assert!(!is_open_key("-----BEGIN CERTIFICATE-----\nMIIE") && !is_open_key("-----BEGIN it\nA PRIVATE KEY-----"));
}
