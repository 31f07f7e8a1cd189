//! What is found in sentences, and what is not.

use super::*;
use proptest::prelude::*;

fn found(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    Pii::structured().find(&View::of(text), &mut found);
    found.iter().map(|f| (f.rule.clone().into_owned(), text[f.span.range()].to_owned())).collect()
}

/// Each row: the entity, and a text with the value between `«` and `»`.
fn check(rows: &[(&str, &str)]) {
    let mut wrong = Vec::new();
    for (id, marked) in rows {
        let value = marked.split('«').nth(1).and_then(|rest| rest.split('»').next()).unwrap();
        let text = marked.replace(['«', '»'], "");
        let all = found(&text);
        if all != [((*id).to_owned(), value.to_owned())] {
            wrong.push(format!("{marked}: {all:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn values_are_found_between_the_commas_of_a_table() {
    check(&[
        ("card", "Bob,«4111111111111111»,Smith"),
        ("card", "[1,«4111111111111111»,2]"),
        ("card", "VALUES (1,«4111111111111111»,'Bob')"),
        ("iban", "Bob,«DE89370400440532013000»,Berlin"),
        ("iban", "1,«DE89370400440532013000»,2"),
    ]);
    assert_eq!(found("4111111111111111,5500005555555559").len(), 2);
    for text in ["4,111,111,111,111,111", "in all 1,234,567,890 and 3,1415926535", "f(1,234),x"] {
        assert_eq!(found(text), [], "{text}");
    }
}

#[test]
fn values_are_found_in_paths_and_names_where_a_word_says_what_they_are() {
    check(&[
        ("card", "POST /v1/cards/«4111111111111111»/charges"),
        ("card", "https://pay.example.com/card/«4111-1111-1111-1111»?x=1"),
        ("card", "/cards/«4111111111111111»/2027/x"),
        ("card", "see card_«4111111111111111».pdf"),
        ("card", "scan-credit-«4111111111111111»_front.png"),
        ("card", "pan=«4111111111111111»/x"),
        ("card", "/account/«378282246310005»"),
        ("iban", "GET /transfers/«DE89370400440532013000»/status"),
        ("iban", "statement_«DE89370400440532013000»_2024.csv"),
        ("us-ssn", "/ssn/«308-63-0237»/credit"),
    ]);
    for text in [
        // Nothing says what it is.
        "https://example.com/statuses/4111111111111111?s=20",
        "order_4111111111111111.pdf",
        "/x/308-63-0237/y",
        // No number of a card, whatever stands beside it.
        "/cards/4111111111111112/charges",
        "card_1111111111111111.png",
        "card-550e8400-e29b-41d4-a716-446655440000",
        "a credit of 0.4111111111111111 cards",
        "/cards/ab4111111111111111cd",
        "/transfers/DE89370400440532013001/status",
        "xDE89370400440532013000_",
    ] {
        assert_eq!(found(text), [], "{text}");
    }
}

#[test]
fn values_are_found_behind_escapes_in_tracks_and_with_decimals_of_nought() {
    check(&[
        ("card", r#"{\"a\":\"pay\\n«4111111111111111»\\nnow\"}"#),
        ("card", r"one\t«4111 1111 1111 1111»\ttwo"),
        ("iban", r"to\n«DE89370400440532013000»\n"),
        ("us-ssn", r"is\n«308-63-0237»\n"),
        ("uk-nino", r"is\n«AB 12 34 56 C»\n"),
        ("phone", r"ring\n«+44 20 7946 0958»\n"),
        ("card", "%B«4111111111111111»^DOE/JOHN^2512101000000000000?"),
        ("card", ";«4111111111111111»=2512101000000000000?"),
        ("card", "Bob,«4111111111111111».0,Smith"),
        ("card", "id «4111111111111111».00."),
    ]);
    for text in [
        "n4111111111111111",
        r"\q4111111111111111",
        "4111111111111111.01",
        "%B4111111111111111",
        "4111111111111111=2512x",
    ] {
        assert_eq!(found(text), [], "{text}");
    }
}

#[test]
fn addresses_of_the_net_are_found_whole() {
    check(&[
        ("email", "write to «ada.l+x@example.co.uk»."),
        ("email", "<«jürgen@müller.example»>"),
        ("email", "mailto:«a@b.org»?subject=x"),
        ("ip-address", "from «203.0.113.77», port 22"),
        ("ip-address", "«192.168.1.20»:8080"),
        ("ip-address", "ping «8.8.8.8» please"),
        ("ip-address", "at [«2001:db8:85a3::8a2e:370:7334»]"),
        ("ip-address", "«fe80:0:0:0:200:f8ff:fe21:67cf»"),
        ("mac-address", "card «00:1b:44:11:3a:b7» up"),
        ("mac-address", "card «00-1B-44-11-3A-B7» up"),
        ("mac-address", "port «001b.4411.3ab7» up"),
        ("url-credentials", "postgres://«app:s3cret»@db.example.com/x"),
    ]);
}

#[test]
fn banks_and_cards_are_found_in_their_groups() {
    check(&[
        ("card", "pay with «4111 1111 1111 1111», exp 12/27"),
        ("card", "my card is «4111  1111  1111  1111», exp 12/27"),
        ("iban", "my IBAN: «DE89  3704  0044  0532  0130  00»"),
        ("card", "«5555-5555-5555-4444»"),
        ("card", "amex «3782 822463 10005»."),
        ("card", "number=«4012888888881881»"),
        ("iban", "to «GB82 WEST 1234 5698 7654 32» today"),
        ("iban", "«de89370400440532013000»"),
        ("iban", "«NO93 8601 1117 947» is his"),
        ("bic", "SWIFT code: «DEUTDEFF500»."),
        ("us-bank-routing", "routing number «021000021»"),
        ("uk-sort-code", "sort code «12-34-56»"),
        ("bank-account", "my account number is «12345678»"),
        ("vehicle-identity", "VIN «1M8GDM9AXKP042788»"),
        ("imei", "IMEI «490154203237518»"),
    ]);
}

#[test]
fn phones_are_found_by_plan_and_by_word() {
    check(&[
        ("phone", "at «(415) 555-2671» now"),
        ("phone", "«415-555-2671»"),
        ("phone", "«+44 20 7946 0958»"),
        ("phone", "«+44 (0)20 7946 0958»"),
        ("phone", "«+1 (415) 555-2671 ext. 12»"),
        ("phone", "«+33612345678»"),
        ("phone", "ring «06 12 34 56 78»"),
        ("phone", "Telefon: «030/901820»"),
        ("phone", "call me at «73 448 266»"),
        ("phone", "You can reach us: «(88) 684-334»"),
        ("phone", "fax «001-748-088-2851x818»"),
        ("phone", "我的电话是«13800138000»"),
        ("phone", "{\"phone_number\": \"«4155552671»\"}"),
    ]);
}

const NATIONAL: &[(&str, &str)] = &[
    ("us-ssn", "is «308-63-0237»"),
    ("us-ssn", "SSN: «308630237»"),
    ("us-itin", "«912-70-1234»"),
    ("us-ein", "EIN «12-3456789»"),
    ("us-mbi", "«1EG4-TE5-MK73»"),
    ("us-npi", "NPI «1234567893»"),
    ("us-dea", "DEA number «BB1388568»"),
    ("uk-nhs", "NHS number «943 476 5919»"),
    ("uk-nino", "NI «AB 12 34 56 C»"),
    ("uk-nino", "is «AB123456C»,"),
    ("uk-utr", "UTR «1955839661»"),
    ("ca-sin", "my SIN is «130 692 544»"),
    ("de-tax-id", "Steuer-ID «86 095 742 719»"),
    ("de-id-card", "Personalausweis «T220001293»"),
    ("de-pension-number", "«15 070649 C 103»"),
    ("fr-nir", "«2 55 08 14 168 025 38»"),
    ("it-fiscal-code", "«RSSMRA85T10A562S»"),
    ("es-dni", "«12345678Z»"),
    ("es-nie", "NIE «X-1234567-L»"),
    ("pt-nif", "contribuinte «501964843»"),
    ("nl-bsn", "BSN «111222333»"),
    ("be-national-number", "«85.07.30-033.28»"),
    ("at-svnr", "SVNR «1237 010180»"),
    ("ch-ahv", "«756.9217.0769.85»"),
    ("ie-pps", "PPS number «1234567T»"),
    ("se-personal-number", "«811228-9874»"),
    ("no-birth-number", "fødselsnummer «15076500565»"),
    ("dk-cpr", "CPR «070761-4285»"),
    ("fi-hetu", "«131052-308T»"),
    ("is-kennitala", "kt. «120174-3399»"),
    ("ee-lt-personal-code", "isikukood «37605030299»"),
    ("pl-pesel", "PESEL «44051401359»"),
    ("pl-nip", "NIP «856-734-62-15»"),
    ("cz-sk-birth-number", "«710319/2745»"),
    ("ro-cnp", "CNP «1630615123457»"),
    ("bg-egn", "ЕГН «7523169263»"),
    ("gr-afm", "ΑΦΜ «094259216»"),
    ("hr-oib", "OIB «33392005961»"),
    ("yu-jmbg", "JMBG «0101006500006»"),
    ("tr-tckn", "TC kimlik no «10000000146»"),
    ("br-cpf", "«390.533.447-05»"),
    ("br-cnpj", "«16.727.230/0001-97»"),
    ("ar-cuit", "«20-05536168-2»"),
    ("cl-rut", "«12.531.909-2»"),
    ("co-nit", "NIT «213123432-1»"),
    ("mx-curp", "«BOXW310820HNERXN09»"),
    ("mx-rfc", "«GODE561231GR8»"),
    ("in-aadhaar", "«2341 2341 2346»"),
    ("in-pan", "«ACUPA7085R»"),
    ("cn-resident-id", "«11010519491231002X»"),
    ("tw-national-id", "«A123456789»"),
    ("hk-identity-card", "«G123456(A)»"),
    ("jp-my-number", "マイナンバー «123456789018»"),
    ("kr-rrn", "«971013-1019902»"),
    ("sg-nric", "«S1234567D»"),
    ("my-nric", "«770305-02-1234»"),
    ("id-nik", "NIK «3171011708450001»"),
    ("th-national-id", "«1-1017-00230-70-8»"),
    ("au-tfn", "TFN «123 456 782»"),
    ("au-medicare", "Medicare «2123 45670 1»"),
    ("au-abn", "«51 824 753 556»"),
    ("nz-ird", "IRD number «49-091-850»"),
    ("za-id", "South African ID «8001015009087»"),
    ("il-id", "teudat zehut «039337423»"),
];

#[test]
fn national_numbers_are_found_in_their_usual_form_and_beside_their_name() {
    check(NATIONAL);
}

#[test]
fn what_a_word_names_is_found_beside_it() {
    check(&[
        ("passport", "Passport No: «X1234567»"),
        ("driving-licence", "my driver's license number is «425700624»"),
        ("medical-record", "MRN «0012345»"),
        ("birth-date", "date of birth: «1980-03-21»"),
        ("birth-date", "she was born on «March 21, 1980»"),
        ("birth-date", "geboren am «21. März 1980» in"),
        ("birth-date", "DOB «3/21/80»"),
        ("coordinates", "GPS «52.52001, -13.40495»"),
        ("crypto-address", "to «0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed»"),
    ]);
}

#[test]
fn ordinary_numbers_are_nobodys() {
    for text in [
        "In 2019 there were 12345678 of them, 1,234,567.89 on 2020-01-02 03:04:05.",
        "version 1.2.3.4 of 10.0.19041.1, see section 4.3.2.1",
        "pi is 3.14159265358979, e is 2.718281828",
        "id 550e8400-e29b-41d4-a716-446655440000 and sha 356a192b7913b04c54574d18c28d46e6395428ab",
        "x = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]",
        "127.0.0.1, 0.0.0.0, ::1, 255.255.255.0, x[1::2]",
        "@app.route('/a') and lodash@4.17.21, git@github.com:org/repo.git",
        "ISBN 978-3-16-148410-0, timestamp 1700000000000",
        "https://example.com/item/4111111111111112?id=123456789",
        "12:34:56 and 2021-05-06T07:08:09Z",
        "mysql://user:${PASSWORD}@host/x",
        "0b10101010101010 and 0xDEADBEEF",
    ] {
        assert_eq!(found(text), [], "{text}");
    }
}

#[test]
fn what_programs_print_is_nobodys() {
    for text in [
        "GET /v3/profile/ee214410-cc3a-43b1-8d3b-f776086fba92?page=18",
        "GET /v1/cards?page=2&_=1769204228000",
        "kernel: [808782.011870] user root(uid=0)",
        "US\t+340308-1181434\tAmerica/Los_Angeles",
        "9 120 68450 178 221 17 8531 865619283 26065 239",
        "5 12 7 33 221 17 8531\n1 2 3",
        "# ARABIC LETTER TEH MARBUTA ISOLATED FORM",
        "define LIBICONV, LTLIBICONV and INCICONV",
        "1793900660000,473834286035739,55.2444,-135.898444",
        "DUS2;7562280853392;9253;SO-241279",
        "account|warehouse\n31/07/2026 10:51|37|18830|paid",
        "take it into account.\n\n2021-04-04  17:02  Someone",
        "article,account,batch\n20260520184629,SO-933270",
        "\"ownerAccount\": \"123456789012\"",
        "account \"CompletedTimeStamp\": 1481835812.143",
        "\"AwsAccountId\": \"834772919206\"",
        "aws_account_id=\"077071391996\"",
        "an account is arn:aws:iam::834772919206:root",
        "valve==5.29.14.16 --hash=sha256:51c352ab",
        "postgres://user:password@localhost:5432/app",
        "https://user:pass@sub.example.com:8080/p",
    ] {
        assert_eq!(found(text), [], "{text}");
    }
}

#[test]
fn what_is_somebodys_is_found_near_such() {
    check(&[
        ("iban", "to «GB82-WEST-1234-5698-7654-32» today"),
        ("us-ssn", "he is «221 17 8531», born 1980"),
        ("us-ssn", "1 2 «221 17 8531» 3"),
        ("us-ssn", "5 12 7 33 SSN «221 17 8531» 1 2 3"),
        ("bic", "myBIC: «DEUTDEFF500»"),
        ("fr-nir", "«255081416802538»"),
        ("fr-nir", "sécurité sociale «855811416802533»"),
        ("ch-ahv", "AHV «7569217076985»"),
        ("bank-account", "account number «834772919206»"),
        ("bank-account", "account «20260520»"),
        ("ip-address", "ip.src==«203.0.113.77»"),
        ("url-credentials", "postgres://«postgres:postgres»@db/app"),
        ("url-credentials", "postgres://«user:s3cret»@db/app"),
        ("card", "a card of old: «4222222222222»"),
    ]);
}

#[test]
fn names_and_addresses_are_found_as_well_as_can_be() {
    let text = "My name is Maria Jensen and I live at 12 Harbour Road, Bristol.";
    let mut found = Vec::new();
    Pii::of(["person", "address"]).unwrap().find(&View::of(text), &mut found);
    let values: Vec<&str> = found.iter().map(|f| &text[f.span.range()]).collect();
    assert_eq!(values, ["Maria Jensen", "12 Harbour Road, Bristol"]);
    assert!(found.iter().all(|f| f.score <= 0.5));
}

#[test]
fn only_what_is_asked_for_is_told() {
    let mut found = Vec::new();
    Pii::of(["email"]).unwrap().find(&View::of("a@b.org, 4111 1111 1111 1111"), &mut found);
    assert_eq!(found.len(), 1);
    assert_eq!(Pii::of(["emails"]), Err(Unknown("emails".into())));
}

/// Pieces of which texts are made that come near to something.
const PIECES: &[&str] = &[
    "4111 1111 1111 1111",
    "+44 20 7946 0958",
    "a@b.org",
    "GB82",
    " ",
    "-",
    ".",
    "/",
    "(",
    ")",
    "x",
    "@",
    ":",
    "::",
    "1",
    "12",
    "123456789",
    "phone ",
    "SSN ",
    "born ",
    "März",
    "年",
    "é",
    "0x",
    "Dr. ",
    "Maria ",
    "Street",
    "\n",
    "₤",
    "1.2.3.4",
    "BIC ",
    "Ω",
    "_",
    "\\n",
    "card",
    "%B",
    "^",
    "=",
    ";",
    ".0",
    "4111111111111111",
];

proptest! {
    #[test]
    fn any_text_has_findings_in_order_on_its_characters(
        text in prop_oneof![".{0,200}", prop::collection::vec(prop::sample::select(PIECES), 0..40).prop_map(|v| v.concat())]
    ) {
        let view = View::of(&text);
        let mut end = 0;
        for hit in Pii::all().hits(view.plain().text()) {
            prop_assert!(hit.span.start >= end);
            end = hit.span.end;
        }
        let mut found = Vec::new();
        Pii::all().find(&view, &mut found);
        for finding in &found {
            prop_assert!(!finding.span.is_empty());
            prop_assert!(text.get(finding.span.range()).is_some());
        }
    }
}

#[test]
fn what_is_seen_in_the_plain_reading_is_not_told_again_from_a_hidden_one() {
    let text = "4111 1111 1111 1111:x@a@b.org+44 20 7946 0958";
    let mut found = Vec::new();
    Pii::structured().find(&View::of(text), &mut found);
    assert_eq!(found.iter().filter(|finding| finding.rule == "card").count(), 1);
}
