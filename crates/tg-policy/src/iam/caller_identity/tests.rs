//! Proofs made by hand: every check on its own, and the answers of STS.

use super::*;

const DATE: &str = "20261124T030000Z";

fn now() -> Timestamp {
    Timestamp::parse("2026-11-24T03:00:00Z").unwrap()
}

fn wanted() -> CallerIdentity {
    let place = |base: &str, region: Option<&str>| Place { base: base.to_owned(), region: region.map(str::to_owned) };
    CallerIdentity {
        server_id: "tallygate.example".to_owned(),
        places: vec![
            place("https://sts.eu-west-1.amazonaws.com", Some("eu-west-1")),
            place("https://sts.us-east-1.amazonaws.com", Some("us-east-1")),
            place("http://127.0.0.1:5000", None),
        ],
    }
}

fn url() -> String {
    format!(
        "https://sts.us-east-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15\
         &X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=ASIAEXAMPLE000000001%2F20261124%2Fus-east-1%2Fsts%2Faws4_request\
         &X-Amz-Date={DATE}&X-Amz-Expires=900&X-Amz-SignedHeaders=host%3Bx-tallygate-server-id\
         &X-Amz-Security-Token=a%2Fb%2Bc%3D%3D&X-Amz-Signature={}",
        "0a".repeat(32)
    )
}

fn proof(url: &str) -> String {
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(url))
}

fn read(url: &str) -> Result<IdentityProof, Flaw> {
    IdentityProof::read(&proof(url), &wanted(), now())
}

#[test]
fn a_sound_proof_is_taken_as_it_is() {
    for url in [
        url(),
        url().replace("&X-Amz-Security-Token=a%2Fb%2Bc%3D%3D", ""),
        url().replace("us-east-1", "eu-west-1"),
        url().replace("https://sts.us-east-1.amazonaws.com", "http://127.0.0.1:5000").replace("us-east-1", "x-1"),
        url().replace("Expires=900", "Expires=604800"),
    ] {
        let found = read(&url).unwrap_or_else(|flaw| panic!("{url}: {flaw}"));
        assert_eq!((found.url().expose(), found.ends_at()), (&*url, now().after(std::time::Duration::from_secs(900))));
    }
    assert_ne!(read(&url()).unwrap().digest(), read(&url().replace("0a0a", "0a0b")).unwrap().digest());
}

/// A sound URL with one part in another's place.
fn swap(from: &str, to: &str) -> String {
    let changed = url().replacen(from, to, 1);
    assert_ne!(changed, url(), "{from}");
    changed
}

#[track_caller]
fn refused(url: &str, says: &str) {
    let found = read(url).map(drop).unwrap_err().to_string();
    assert!(found.contains(says), "{url}\n'{found}' does not say '{says}'");
}

#[test]
fn nothing_is_asked_but_sts_where_it_is() {
    let host = "https://sts.us-east-1.amazonaws.com/";
    for other in [
        "https://sts.us-east-1.amazonaws.com.evil.example/",
        "https://evil.example/",
        "https://sts.us-east-1.amazonaws.com@evil.example/",
        "https://user@sts.us-east-1.amazonaws.com/",
        "https://sts.us-east-1.amazonaws.com:443/",
        "https://sts.us-east-1.amazonaws.com:8443/",
        "https://sts.us-east-1.amazonaws.com./",
        "https://STS.us-east-1.amazonaws.com/",
        "HTTPS://sts.us-east-1.amazonaws.com/",
        "http://sts.us-east-1.amazonaws.com/",
        "https://sts.ap-south-1.amazonaws.com/",
        "https://iam.amazonaws.com/",
        "//sts.us-east-1.amazonaws.com/",
        "https://sts.us-east-1.amazonaws.com/x",
        "https://sts.us-east-1.amazonaws.com//",
        "https://sts.us-east-1.amazonaws.com",
        "https://sts.us-east-1.amazonaws.com\\@evil.example/",
    ] {
        refused(&swap(host, other), "its address is none of STS allowed here");
    }
}

#[test]
fn nothing_is_asked_but_who_the_caller_is() {
    for (url, says) in [
        (swap("GetCallerIdentity", "AssumeRole"), "another action"),
        (swap("GetCallerIdentity", "getcalleridentity"), "another action"),
        (swap("2011-06-15", "2011-06-16"), "another API version"),
        (swap("HMAC-SHA256", "ECDSA-P256-SHA256"), "otherwise than by AWS4"),
        (swap("&X-Amz-Date=", "&RoleArn=arn&X-Amz-Date="), "parameter that GetCallerIdentity does not need"),
        (swap("Action=", "action="), "parameter that GetCallerIdentity does not need"),
        (swap("?Action", "?Action=GetCallerIdentity&Action"), "stands twice"),
        (swap("&X-Amz-Date", "&X-Amz-Date=20261124T030000Z&X-Amz-Date"), "stands twice"),
        (swap("&X-Amz-Date", "&x-amz-date=20261124T030000Z&X-Amz-Date"), "does not need"),
        (swap("&X-Amz-Expires=900", ""), "a parameter is missing"),
        (swap("&X-Amz-Signature=", "&X-Amz-Signature&x="), "has no value"),
    ] {
        refused(&url, says);
    }
}

#[test]
fn each_other_flaw_of_a_proof_is_found() {
    for (url, says) in [
        (swap("a%2Fb%2Bc%3D%3D", ""), "token is empty"),
        (swap("a%2Fb", "a/b"), "percent-encoded"),
        (swap("a%2Fb", "a%2"), "percent-encoded"),
        (swap("%3D%3D", "%3D%3"), "percent-encoded"),
        (swap("a%2Fb", "a%ffb"), "percent-encoded"),
        (swap("a%2Fb", "a b"), "percent-encoded"),
        (swap("a%2Fb", "a#b"), "percent-encoded"),
        (swap("a%2Fb", "a\r\nb"), "percent-encoded"),
        (swap("host%3Bx-tallygate-server-id", "host"), "must sign 'host' and 'x-tallygate-server-id'"),
        (swap("host%3B", ""), "must sign 'host'"),
        (swap("x-tallygate-server-id", "x-k8s-aws-id"), "must sign 'host'"),
        (swap("host%3B", "host%3Bx-amz-target%3B"), "and no more"),
        (swap("%2Fsts%2F", "%2Fbedrock%2F"), "not scoped to STS"),
        (swap("%2Faws4_request", ""), "not scoped to STS"),
        (swap("%2Fus-east-1%2F", "%2Feu-west-1%2F"), "another region"),
        (swap("%2F20261124%2F", "%2F20261123%2F"), "credential has not its form"),
        (swap("%2F20261124%2F", "%2F%2F"), "credential has not its form"),
        (swap("ASIAEXAMPLE000000001", "x"), "credential has not its form"),
        (swap("20261124T", "20261324T"), "date is not of the form"),
        (swap(DATE, "2026-11-24"), "date is not of the form"),
        (swap("Expires=900", "Expires=0"), "not a number of seconds"),
        (swap("Expires=900", "Expires=-1"), "not a number of seconds"),
        (swap("Expires=900", "Expires=9999999"), "not a number of seconds"),
        (swap("0a0a", "0A0A"), "64 hex digits"),
        (swap("0a0a", "0a"), "64 hex digits"),
    ] {
        refused(&url, says);
    }
    for text in [format!("{PREFIX}%%%"), format!("{PREFIX}////"), format!("{}==", proof(&url())), PREFIX.to_owned()] {
        assert!(IdentityProof::read(&text, &wanted(), now()).is_err(), "{text}");
    }
}

#[test]
fn a_proof_is_good_for_a_quarter_of_an_hour_at_most() {
    let at = |url: &str, second: i64| {
        let now = Timestamp::from_seconds(now().seconds() + second);
        IdentityProof::read(&proof(url), &wanted(), now).map(drop)
    };
    let (expired, not_yet) = (Err(Flaw::Expired(Kind::CallerIdentity)), Err(Flaw::NotYet(Kind::CallerIdentity)));
    let (long, short) = (url().replace("=900", "=604800"), url().replace("=900", "=60"));
    assert_eq!((at(&long, 899), at(&long, 900)), (Ok(()), expired.clone()));
    assert_eq!((at(&short, 59), at(&short, 60)), (Ok(()), expired));
    assert_eq!((at(&long, -SKEW_SECONDS_MAX), at(&long, -SKEW_SECONDS_MAX - 1)), (Ok(()), not_yet));
    let early = Timestamp::from_seconds(now().seconds() - SKEW_SECONDS_MAX);
    let found = IdentityProof::read(&proof(&long), &wanted(), early).unwrap();
    assert_eq!(found.ends_at().seconds(), early.seconds() + SECONDS_MAX, "a date ahead lengthens nothing");
}

#[test]
fn what_is_known_of_a_proof_is_known_under_one_name() {
    let read = |wanted: &CallerIdentity| IdentityProof::read(&proof(&url()), wanted, now()).unwrap();
    let other = CallerIdentity { server_id: "other.example".to_owned(), ..wanted() };
    assert_eq!(read(&wanted()).digest(), read(&wanted()).digest());
    assert_ne!(read(&wanted()).digest(), read(&other).digest());
    assert_eq!(read(&wanted()).access_key_id(), "ASIAEXAMPLE000000001");
}

fn answer(arn: &str, account: &str) -> String {
    format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  <GetCallerIdentityResult>\n    \
         <Arn>{arn}</Arn>\n    <UserId>AROA:me</UserId>\n    <Account>{account}</Account>\n  </GetCallerIdentityResult>\n  \
         <ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>\n</GetCallerIdentityResponse>"
    )
}

#[test]
fn the_answer_of_sts_names_the_caller() {
    let arn = "arn:aws:sts::123456789012:assumed-role/search/me";
    let right = answer(arn, "123456789012");
    let found = judge(200, right.as_bytes()).unwrap();
    assert_eq!(&**found.arn(), "arn:aws:iam::123456789012:role/search");
    let declared = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>{right}");
    assert!(judge(200, declared.as_bytes()).is_ok());
    let away = Err(AWAY);
    let wrapped = right.replace("GetCallerIdentityResponse", "Other");
    let doubled = right.replace("<UserId>", "<Arn>arn:aws:iam::123456789012:role/x</Arn><UserId>");
    let elsewhere = right.replace("<UserId>AROA:me</UserId>", "<UserId><Arn>x</Arn></UserId>");
    for (status, body, expected) in [
        (200, "", &away),
        (200, "{}", &away),
        (200, &right[..right.len() - 3], &away),
        (200, &*wrapped, &away),
        (200, &*doubled, &away),
        (200, &*answer(arn, "999999999999"), &away),
        (200, &*format!("<!DOCTYPE a [<!ENTITY b 'c'>]>{right}"), &away),
        (301, "", &away),
        (429, "", &away),
        (503, "", &away),
        (400, "<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>", &away),
        (400, "<ErrorResponse><Error><Code>RequestExpired</Code></Error></ErrorResponse>", &Err(Flaw::Refused)),
        (403, "<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code></Error></ErrorResponse>", &Err(Flaw::Refused)),
    ] {
        assert_eq!(&judge(status, body.as_bytes()), expected, "{status} {body}");
    }
    assert!(judge(200, elsewhere.as_bytes()).is_ok(), "only the element at its place counts");
    let root = answer("arn:aws:iam::123456789012:root", "123456789012");
    assert!(matches!(judge(200, root.as_bytes()), Err(Flaw::NoCaller(_))));
    let deep = "<a>".repeat(100_000);
    assert_eq!(judge(200, deep.as_bytes()), away);
}

#[test]
fn what_botocore_presigns_is_taken() {
    // As `tests/sdk/python/identity.py` wrote it (botocore 1.44), with keys that are nobody's.
    let url = "https://sts.us-east-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15\
               &X-Amz-Algorithm=AWS4-HMAC-SHA256\
               &X-Amz-Credential=ASIAIDENTITY00000001%2F20261126%2Fus-east-1%2Fsts%2Faws4_request\
               &X-Amz-Date=20261126T003028Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host%3Bx-tallygate-server-id\
               &X-Amz-Security-Token=a%2Fb%2Bc%3D%3D\
               &X-Amz-Signature=65b22494711e000309e09cc13fbc1d59438f85a0fbc5bb801db560accb8ded02";
    let now = Timestamp::parse("2026-11-26T00:30:28Z").unwrap();
    let found = IdentityProof::read(&proof(url), &wanted(), now).unwrap();
    assert_eq!(found.url().expose(), url);
    assert_eq!(encode(found.url()).expose(), proof(url));
}
