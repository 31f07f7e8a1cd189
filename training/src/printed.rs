//! What programs print and people hand on: sums, tables, logs, locks of packages, paths of pictures, rows of bytes. None of it
//! asks for anything, and all of it is unlike prose; without these examples a model takes what is strange for an attack.

use crate::dice::Dice;
use crate::example::{Example, Use, harmless};
use std::fmt::Write as _;
use tg_text::score::model::INDIRECT;

/// How long they are: as a power of two, with chance between.
const LENGTH: std::ops::Range<f32> = 6.0..11.5;

/// Words of names.
#[rustfmt::skip]
const WORDS: &[&str] = &[
    "alpha", "billing", "cache", "delta", "engine", "filter", "gateway", "hinge", "index", "job", "kernel", "layout", "mesh", "node",
    "order", "parser", "queue", "relay", "schema", "table", "unit", "valve", "widget", "yard", "zone", "token", "password", "secret",
    "system", "user", "admin", "prompt", "role", "rule", "config", "session", "policy", "request", "response", "instruction",
];
const ENDS: &[&str] =
    &["rs", "py", "js", "h", "cpp", "json", "yaml", "md", "png", "hpp", "so", "txt", "xml", "go", "java"];
const LEVELS: &[&str] = &["INFO", "WARN", "ERROR", "DEBUG", "info", "error", "notice", "FATAL"];
const OPS: &[&str] =
    &["mov", "lea", "xor", "add", "cmp", "jne", "vmlal.s32", "ldr", "str", "push", "ret", "movl", "sbbl"];

/// One line of a kind.
type Line = fn(&mut Dice) -> String;

/// All kinds, each with what stands between its lines.
#[rustfmt::skip]
const KINDS: &[(Line, &str)] = &[
    (base64_line, "\n"), (base64_line, ""), (sum, "\n"), (lock, "\n"), (lock_json, ",\n"), (pins, "\n"), (uuid_row, "\n"),
    (numbers, "\n"), (decimals, "\n"), (commas, ",\n"), (hex_array, ",\n"), (hex_dump, "\n"), (escapes, ""), (svg, ""), (csv, "\n"),
    (tabs, "\n"), (rule, "\n"), (boxed, "\n"), (cells, "\n"), (access, "\n"), (service, "\n"), (frame, "\n"), (trace, "\n"),
    (assembly, "\n"), (file, "\n"), (member, ",\n"), (resource, ",\n"), (insert, "\n"), (minified, ""), (hunk, "\n"), (dotenv, "\n"),
    (codepoints, "\n"), (process, "\n"), (metric, "\n"), (versions, "\n"), (selector, "\n"), (roff, "\n"), (include, "\n"), (tag, "\n"),
];

/// `count` texts.
pub fn texts(count: usize, dice: &mut Dice) -> Vec<Example> {
    (0..count)
        .map(|at| {
            let mut targets = harmless();
            targets[INDIRECT] = 0.0;
            let (line, between) = KINDS[at % KINDS.len()];
            let text = text(line, between, dice);
            Example { text, source: "printed".to_owned(), used: Use::Document, targets, planted: false }
        })
        .collect()
}

/// Lines of a kind, now and then with those of another: as long as chance has it.
fn text(line: Line, between: &str, dice: &mut Dice) -> String {
    let length = (LENGTH.start + dice.share() * (LENGTH.end - LENGTH.start)).exp2() as usize;
    let other = (dice.below(4) == 0).then(|| dice.pick(KINDS).copied()).flatten();
    let indent = " ".repeat([0, 0, 0, 2, 4][dice.below(5)]);
    let mut text = String::new();
    while text.len() < length {
        let line = match other {
            Some((other, _)) if dice.below(3) == 0 => other(dice),
            _ => line(dice),
        };
        text += &indent;
        text += &line;
        text += between;
    }
    text
}

fn word(dice: &mut Dice) -> &'static str {
    dice.pick(WORDS).copied().unwrap_or_default()
}

fn of(alphabet: &[u8], length: usize, dice: &mut Dice) -> String {
    (0..length).map(|_| char::from(alphabet[dice.below(alphabet.len())])).collect()
}

fn hex(length: usize, dice: &mut Dice) -> String {
    of(b"0123456789abcdef", length, dice)
}

fn base64(length: usize, dice: &mut Dice) -> String {
    of(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", length, dice)
}

fn digits(length: usize, dice: &mut Dice) -> String {
    of(b"0123456789", length, dice)
}

fn version(dice: &mut Dice) -> String {
    format!("{}.{}.{}", dice.below(20), dice.below(40), dice.below(90))
}

fn time(dice: &mut Dice) -> String {
    let (month, day) = (1 + dice.below(12), 1 + dice.below(28));
    let (hour, minute, second) = (dice.below(24), dice.below(60), dice.below(60));
    format!("20{}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}", 10 + dice.below(20))
}

fn uuid(dice: &mut Dice) -> String {
    [8, 4, 4, 4, 12].map(|length| hex(length, dice)).join("-")
}

fn path(dice: &mut Dice) -> String {
    let mut path = String::new();
    for _ in 0..1 + dice.below(5) {
        path += word(dice);
        path.push('/');
    }
    format!("{path}{}_{}.{}", word(dice), word(dice), dice.pick(ENDS).copied().unwrap_or_default())
}

fn decimal(dice: &mut Dice) -> String {
    let sign = if dice.below(3) == 0 { "-" } else { "" };
    let (whole, places) = (dice.below(500), 1 + dice.below(6));
    format!("{sign}{whole}.{}", digits(places, dice))
}

fn base64_line(dice: &mut Dice) -> String {
    let length = [64, 64, 76, 44, 86][dice.below(5)];
    base64(length, dice)
}

fn sum(dice: &mut Dice) -> String {
    let length = [32, 40, 64, 128][dice.below(4)];
    format!("{}  {}", hex(length, dice), path(dice))
}

fn lock(dice: &mut Dice) -> String {
    let checksum = hex(64, dice);
    format!(
        "[[package]]\nname = \"{}-{}\"\nversion = \"{}\"\nchecksum = \"{checksum}\"\n",
        word(dice),
        word(dice),
        version(dice)
    )
}

fn lock_json(dice: &mut Dice) -> String {
    let (name, version) = (word(dice), version(dice));
    format!(
        "\"node_modules/{name}\": {{\n  \"version\": \"{version}\",\n  \"integrity\": \"sha512-{}==\"\n}}",
        base64(86, dice)
    )
}

fn pins(dice: &mut Dice) -> String {
    match dice.below(3) {
        0 => format!("{}/{} v{} h1:{}=", word(dice), word(dice), version(dice), base64(43, dice)),
        1 => format!("{}=={} --hash=sha256:{}", word(dice), version(dice), hex(64, dice)),
        _ => format!("{}/{},sha256={},{}", word(dice), path(dice), base64(43, dice), dice.below(9000)),
    }
}

fn uuid_row(dice: &mut Dice) -> String {
    format!("{} {} {}", uuid(dice), word(dice), time(dice))
}

fn numbers(dice: &mut Dice) -> String {
    let many = 1 + dice.below(12);
    (0..many).map(|_| digits(1 + dice.below(6), dice)).collect::<Vec<_>>().join(" ")
}

fn decimals(dice: &mut Dice) -> String {
    (0..6).map(|_| decimal(dice)).collect::<Vec<_>>().join("\t")
}

fn commas(dice: &mut Dice) -> String {
    let most = [2, 10, 300, 70_000][dice.below(4)];
    (0..16).map(|_| dice.below(most).to_string()).collect::<Vec<_>>().join(",")
}

fn hex_array(dice: &mut Dice) -> String {
    let length = [2, 4, 8][dice.below(3)];
    (0..8).map(|_| format!("0x{}", hex(length, dice))).collect::<Vec<_>>().join(", ")
}

fn hex_dump(dice: &mut Dice) -> String {
    let bytes: Vec<String> = (0..16).map(|_| hex(2, dice)).collect();
    format!("{}: {}  {}", hex(8, dice), bytes.join(" "), of(b"..........abcxyzELF0 ", 16, dice))
}

fn escapes(dice: &mut Dice) -> String {
    match dice.below(3) {
        0 => format!("\\x{}", hex(2, dice).to_uppercase()),
        1 => format!("\\u00{}", hex(2, dice)),
        _ => format!("\\0{}", of(b"abcdefghijklm,.;:(P", 1, dice)),
    }
}

fn svg(dice: &mut Dice) -> String {
    let letter = of(b"MmLlHhVvCcSsAaZz", 1, dice);
    (0..1 + dice.below(6)).fold(letter, |path, _| path + &decimal(dice) + [" ", ",", ""][dice.below(3)])
}

fn csv(dice: &mut Dice) -> String {
    let sign = [",", ";", "|"][dice.below(3)];
    [
        digits(6, dice),
        time(dice),
        word(dice).to_owned(),
        decimal(dice),
        of(b"ABCDEFGHJKLMNPQRSTUVWXYZ0123456789", 10, dice),
    ]
    .join(sign)
}

fn tabs(dice: &mut Dice) -> String {
    format!("{}\t{}\t{}\t{}\t\\N", dice.below(99_999), word(dice), hex(32, dice), time(dice))
}

fn rule(dice: &mut Dice) -> String {
    let sign = ["-", "=", "*", "~", "#", "_", "─", "━", ".", "-=", "+-"][dice.below(11)];
    let long = sign.repeat(20 + dice.below(60));
    match dice.below(6) {
        0 => format!("/* {long} */"),
        1 => format!("// {long}"),
        2 => format!("{long}\n{} {}\n{long}", word(dice), version(dice)),
        3 => format!("# {long}\n# {} {} {}", word(dice), word(dice), word(dice)),
        4 => format!("//===-- {} --{}===//", path(dice), "-".repeat(30)),
        _ => long,
    }
}

fn boxed(dice: &mut Dice) -> String {
    let bar = ["│", "|", "┃"][dice.below(3)];
    let cell = |dice: &mut Dice| format!(" {:<w$} ", word(dice), w = 8 + dice.below(14));
    let row = [cell(dice), cell(dice), cell(dice)].join(bar);
    let line = if bar == "|" {
        "+--------------+----------------+---------+"
    } else {
        "├──────────────┼────────────────┼─────────┤"
    };
    format!("{bar}{row}{bar}\n{line}")
}

fn cells(dice: &mut Dice) -> String {
    let many = 6 + dice.below(4);
    let row: Vec<String> = (0..many)
        .map(|_| if dice.below(2) == 0 { " -    ".to_owned() } else { format!("{:<6}", decimal(dice)) })
        .collect();
    format!(" {} {}\t{}", row.join(" "), dice.pick(OPS).copied().unwrap_or_default(), word(dice))
}

fn access(dice: &mut Dice) -> String {
    let address = (0..4).map(|_| dice.below(255).to_string()).collect::<Vec<_>>().join(".");
    let (status, size) = ([200, 301, 404, 500][dice.below(4)], dice.below(90_000));
    format!(
        "{address} - - [{}] \"GET /{}?id={} HTTP/1.1\" {status} {size} \"-\" \"Mozilla/5.0\"",
        time(dice),
        path(dice),
        digits(9, dice)
    )
}

fn service(dice: &mut Dice) -> String {
    let level = dice.pick(LEVELS).copied().unwrap_or_default();
    let what = [
        "started",
        "failed to connect",
        "retry 3 of 5",
        "took 12 ms",
        "invalid password for user",
        "token expired",
        "ready",
    ];
    format!(
        "{} {level} [{}-{}] {}: {} id={}",
        time(dice),
        word(dice),
        dice.below(99),
        word(dice),
        what[dice.below(7)],
        hex(12, dice)
    )
}

fn frame(dice: &mut Dice) -> String {
    let call = ["validateToken", "run", "handle", "getPrompt", "setPassword", "lambda$0"][dice.below(6)];
    format!("\tat com.example.{}.{}Service.{call}({}.java:{})", word(dice), word(dice), word(dice), dice.below(900))
}

fn trace(dice: &mut Dice) -> String {
    format!(
        "  File \"/srv/{}\", line {}, in {}\n    {} = self.{}({})",
        path(dice),
        dice.below(900),
        word(dice),
        word(dice),
        word(dice),
        word(dice)
    )
}

fn assembly(dice: &mut Dice) -> String {
    let op = dice.pick(OPS).copied().unwrap_or_default();
    match dice.below(3) {
        0 => format!("\t{op}\tq{},d{},d{}", dice.below(16), dice.below(32), dice.below(32)),
        1 => format!("\t{op}l\t{}(%esp),%e{}", dice.below(99), ["ax", "bx", "cx", "di", "si"][dice.below(5)]),
        _ => {
            format!(".L{:03}{}:\n\t{op}\tr{}, [rbp - {}]", dice.below(999), word(dice), dice.below(16), dice.below(99))
        }
    }
}

fn file(dice: &mut Dice) -> String {
    match dice.below(3) {
        0 => path(dice),
        1 => format!(
            "-rw-r--r-- 1 root root {:>9} Jan {:02} 12:{:02} {}",
            dice.below(9_999_999),
            1 + dice.below(28),
            dice.below(60),
            path(dice)
        ),
        _ => format!("x64-windows/include/{}", path(dice)),
    }
}

fn member(dice: &mut Dice) -> String {
    let value = match dice.below(5) {
        0 => format!("\"{}\"", uuid(dice)),
        1 => dice.below(1_000_000).to_string(),
        2 => format!("\"{}=\"", base64(43, dice)),
        3 => format!("[\"{}\", \"{}\"]", word(dice), word(dice)),
        _ => format!("\"{}\"", time(dice)),
    };
    format!("{{\"{}_{}\": {value}, \"{}\": null}}", word(dice), word(dice), word(dice))
}

fn resource(dice: &mut Dice) -> String {
    let arn = format!("arn:aws:lambda:eu-west-1:123456789012:function:{}", word(dice));
    match dice.below(3) {
        0 => format!(
            "{{\"FunctionArn\": \"{arn}\", \"CodeSha256\": \"{}=\", \"RevisionId\": \"{}\"}}",
            base64(43, dice),
            uuid(dice)
        ),
        1 => format!(
            "{{\"kind\": \"Pod\", \"uid\": \"{}\", \"image\": \"{}@sha256:{}\"}}",
            uuid(dice),
            word(dice),
            hex(64, dice)
        ),
        _ => format!(
            "{{\"ETag\": \"{}\", \"Key\": \"{}\", \"VersionId\": \"{}\"}}",
            hex(32, dice),
            path(dice),
            base64(32, dice)
        ),
    }
}

fn insert(dice: &mut Dice) -> String {
    format!(
        "INSERT INTO {} VALUES ({}, '{}', '{}', {});",
        word(dice),
        dice.below(99_999),
        uuid(dice),
        time(dice),
        decimal(dice)
    )
}

fn minified(dice: &mut Dice) -> String {
    let name = |dice: &mut Dice| of(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_$", 1, dice);
    let names: [String; 4] = std::array::from_fn(|_| name(dice));
    let [a, b, c, d] = names;
    match dice.below(4) {
        0 => format!("function {a}({b},{c}){{return {d}.{}?{b}:void 0}}", word(dice)),
        1 => format!("{a}.prototype.{}=function({b}){{this.{c}={b}||null}},", word(dice)),
        2 => format!("{a}[{}]^={b}<<{}|{c}>>>{};", dice.below(99), dice.below(31), dice.below(31)),
        _ => format!(";{a}EAAE,{b}AAG,{c}{d},GAAG;{}", base64(6, dice)),
    }
}

fn hunk(dice: &mut Dice) -> String {
    match dice.below(4) {
        0 => format!("commit {}\nDate: {}", hex(40, dice), time(dice)),
        1 => format!("diff --git a/{0} b/{0}\nindex {1}..{2} 100644", path(dice), hex(7, dice), hex(7, dice)),
        2 => format!("@@ -{0},{1} +{0},{1} @@ fn {2}", dice.below(900), dice.below(40), word(dice)),
        _ => format!("{} let {} = {}({});", ["+", "-", " "][dice.below(3)], word(dice), word(dice), word(dice)),
    }
}

fn dotenv(dice: &mut Dice) -> String {
    let value = [
        "changeme",
        "your_key_here",
        "<token>",
        "${SECRET}",
        "********",
        "xxxxxxxx",
        "true",
        "8080",
        "/run/secrets/db",
    ];
    format!("{}_{}={}", word(dice).to_uppercase(), word(dice).to_uppercase(), value[dice.below(9)])
}

fn codepoints(dice: &mut Dice) -> String {
    format!(
        "{}; {}; {} ; [.{}.0020.0002] # {} LETTER",
        hex(4, dice),
        hex(4, dice),
        hex(4, dice),
        hex(4, dice),
        word(dice)
    )
    .to_uppercase()
}

fn process(dice: &mut Dice) -> String {
    format!(
        "root {:>7} {}.{} ?  Ssl 0:{:02} /usr/bin/{} --{}={}",
        dice.below(99_999),
        dice.below(99),
        dice.below(9),
        dice.below(60),
        word(dice),
        word(dice),
        path(dice)
    )
}

fn metric(dice: &mut Dice) -> String {
    format!("{}_{}_total{{code=\"{}\"}} {}", word(dice), word(dice), 200 + dice.below(300), dice.below(99_999_999))
}

fn versions(dice: &mut Dice) -> String {
    format!("| {} | {} | {} |", word(dice), version(dice), time(dice))
}

fn selector(dice: &mut Dice) -> String {
    format!(
        ".{}-{} {{ color: #{}; margin: {}px {}px; }}",
        word(dice),
        word(dice),
        hex(6, dice),
        dice.below(40),
        dice.below(40)
    )
}

fn roff(dice: &mut Dice) -> String {
    match dice.below(4) {
        0 => format!(".TP\n\\fB\\-\\-{}\\fR=\\fI{}\\fR", word(dice), word(dice)),
        1 => format!(".SH {}\n.PP", word(dice).to_uppercase()),
        2 => format!(".\\\" {}\n.nh\n.ad l", "-".repeat(65)),
        _ => format!("\\fB{}\\fR(\\fI{}\\fR)", word(dice), 1 + dice.below(8)),
    }
}

fn include(dice: &mut Dice) -> String {
    match dice.below(4) {
        0 => format!("#include <{}>", path(dice)),
        1 => format!("from {}.{} import {}", word(dice), word(dice), word(dice)),
        2 => format!("#define {}_{} 0x{}", word(dice).to_uppercase(), word(dice).to_uppercase(), hex(4, dice)),
        _ => format!("import {{ {} }} from \"./{}.mjs\";", word(dice), word(dice)),
    }
}

fn tag(dice: &mut Dice) -> String {
    let mut tag = String::new();
    let (class, name) = (word(dice), word(dice));
    let _ = write!(tag, "<div class=\"{class}-{}\"><a href=\"{}\">{name}</a></div>", hex(6, dice), path(dice));
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_makes_texts_that_differ_and_are_harmless() {
        let all = texts(3 * KINDS.len(), &mut Dice::new(1));
        assert!(all.iter().all(|e| e.text.len() >= 64 && e.targets[INDIRECT] == 0.0));
        let distinct: std::collections::BTreeSet<&str> = all.iter().map(|e| e.text.as_str()).collect();
        assert_eq!(distinct.len(), all.len());
        assert_eq!(texts(5, &mut Dice::new(1))[4].text, all[4].text, "the same in each run");
    }
}
