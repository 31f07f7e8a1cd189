//! What is written apart or encoded: an answer loses it as a request does, however long it is.

use super::cuts::{Cuts, Form, VALUES, any_cuts, any_style, taking_out};
use super::*;

/// What a request loses, which is read as a whole.
fn of_request(guard: &Guard, text: &str) -> String {
    let verdict = guard.judge(Way::Input, &[said(Channel::User, 1, text)], &[], &mut Inquiry::default());
    verdict.edits.first().map_or(text, |(_, text)| text).to_owned()
}

fn of_answer(guard: &Arc<Guard>, text: &str, cuts: &Cuts) -> String {
    in_pieces(guard, Channel::Assistant, &cuts.pieces(text), &Inquiry::default()).0
}

/// Rows, runs and signs in which nothing is to be found.
fn noise() -> impl Strategy<Value = String> {
    let words = vec![
        "a",
        "I",
        "7",
        "12",
        "4b",
        "20",
        "of",
        "to",
        "x.",
        "y,",
        "-",
        "1,",
        "2;",
        "00",
        "01010101",
        "3/4",
        "=",
        "@",
        "e-mail",
        "A K I A",
        "4 1 1 1",
        "41 4b 49 41",
        "aWdub3Jl",
        "%20",
        "&#32;",
        "\\u0020",
        "\n",
        "\u{200b}",
    ];
    prop_oneof![3 => "[a-z]{1,9}", 2 => prop::sample::select(words).prop_map(str::to_owned)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn an_answer_loses_what_a_request_loses(
        value in prop::sample::select(VALUES.to_vec()), form in prop::sample::select(Form::ALL.to_vec()),
        words in prop::collection::vec(noise(), 0..80), at in 0_usize..80, cuts in any_cuts(), style in any_style(),
    ) {
        let mut words = words;
        words.insert(at.min(words.len()), format!("it is: {} as", form.write(value)));
        let text = words.join(" ");
        let guard = taking_out(style);
        prop_assert_eq!(of_answer(&guard, &text, &cuts), of_request(&guard, &text), "{}", text);
    }

    #[test]
    fn a_row_longer_than_a_piece_is_read_in_the_same_pieces_in_a_stream(
        value in prop::sample::select(VALUES.to_vec()),
        form in prop::sample::select(vec![Form::Apart, Form::Dashes, Form::HexadecimalApart, Form::BitsApart]),
        letters in "[a-z]{0,3000}", is_wide in any::<bool>(), cuts in any_cuts(),
    ) {
        let gap = if form == Form::Dashes { "-" } else { " " };
        let gap = if is_wide { gap.repeat(3) } else { gap.to_owned() };
        let text = format!("so it is: {}{gap}{} as you asked", form.write(&letters), form.write(value));
        let guard = taking_out(Style::Mask);
        prop_assert_eq!(of_answer(&guard, &text, &cuts), of_request(&guard, &text));
    }
}
