//! New lists over present rows: nothing is forgotten, and what changes is told with its time.

use serde_json::{Value, json};
use tg_catalog::{Catalogue, ListKind, Merged, Origin, RowSource, Touched, UnitKind, changes, merge, parse_overrides};
use tg_kernel::clock::Timestamp;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap_or_else(|| panic!("{text}"))
}

fn rows(value: Value) -> Vec<RowSource<'static>> {
    parse_overrides(&value).unwrap()
}

const NOW: &str = "2026-06-01T00:00:00Z";

fn merged(present: Value, list: Value, kind: ListKind) -> Merged {
    merge(rows(present), rows(list), at(NOW), kind).unwrap()
}

/// `id rate from to`, in the order of the file.
fn shown(merged: &Merged) -> Vec<String> {
    let day = |text: &Option<std::borrow::Cow<'_, str>>| text.as_deref().map_or("-".to_owned(), |t| t[..10].to_owned());
    let line = |row: &RowSource<'_>| {
        let rate = row.rates[0].input.unwrap();
        format!("{} {rate} {} {}", row.id, day(&row.valid_from), day(&row.valid_to))
    };
    merged.rows.iter().map(line).collect()
}

fn row(id: &str, rate: u32, from: &str, to: &str) -> Value {
    let mut row = json!({"provider": "openai", "id": id, "rates": [{"in": rate, "out": rate}]});
    if from != "-" {
        row["valid_from"] = json!(from);
    }
    if to != "-" {
        row["valid_to"] = json!(to);
    }
    row
}

#[test]
fn a_new_price_ends_the_old_one_and_forgets_none() {
    for (present, new, expected) in [
        (row("x", 1, "-", "-"), row("x", 2, "-", "-"), &["x 1 - 2026-06-01", "x 2 2026-06-01 -"][..]),
        (row("x", 1, "2026-01-01", "-"), row("y", 2, "-", "-"), &["x 1 2026-01-01 -", "y 2 2026-06-01 -"]),
        // A price for a while: what has no end holds again afterwards.
        (row("x", 1, "-", "-"), row("x", 2, "-", "2026-07-01"), &["x 1 - -", "x 2 2026-06-01 2026-07-01"]),
        (
            row("x", 1, "2026-01-01", "2027-01-01"),
            row("x", 2, "-", "2026-07-01"),
            &["x 1 2026-01-01 2026-06-01", "x 1 2026-07-01 2027-01-01", "x 2 2026-06-01 2026-07-01"],
        ),
        (
            row("x", 1, "2026-01-01", "2027-01-01"),
            row("x", 2, "-", "-"),
            &["x 1 2026-01-01 2026-06-01", "x 2 2026-06-01 -"],
        ),
        // One that is over stays, and so does one that is still to come.
        (
            row("x", 1, "2026-01-01", "2026-02-01"),
            row("x", 2, "-", "-"),
            &["x 1 2026-01-01 2026-02-01", "x 2 2026-06-01 -"],
        ),
        (row("x", 1, "2026-09-01", "-"), row("x", 2, "-", "-"), &["x 1 2026-09-01 -", "x 2 2026-06-01 -"]),
        // The same beginning: the new one stands in its place.
        (row("x", 1, "2026-09-01", "-"), row("x", 2, "2026-09-01", "-"), &["x 2 2026-09-01 -"]),
    ] {
        let done = merged(json!([present]), json!([new]), ListKind::Partial);
        assert_eq!(shown(&done), expected);
        Catalogue::embedded().unwrap().with_overrides("t", done.rows).unwrap();
    }
}

#[test]
fn the_same_list_twice_changes_nothing() {
    let list = json!([row("x", 2, "-", "-"), row("y", 3, "2026-01-01", "-"), row("z", 3, "2026-01-01", "2027-01-01")]);
    let once = merged(json!([row("x", 1, "-", "-")]), list.clone(), ListKind::Whole);
    let later = at("2026-08-01T00:00:00Z");
    let twice = merge(once.rows.clone(), rows(list), later, ListKind::Whole).unwrap();
    assert_eq!((twice.rows, twice.touched), (once.rows, Vec::new()));
}

#[test]
fn the_price_of_long_ago_is_a_change_where_another_holds_now() {
    let present = json!([row("x", 1, "-", "-"), row("x", 2, "2026-03-01", "-")]);
    let done = merged(present, json!([row("x", 1, "-", "-")]), ListKind::Partial);
    assert_eq!(shown(&done), ["x 1 - 2026-06-01", "x 2 2026-03-01 2026-06-01", "x 1 2026-06-01 -"]);
    let catalogue = Catalogue::embedded().unwrap().with_overrides("t", done.rows).unwrap().catalogue;
    let rate = |when| catalogue.find("openai", "x", at(when)).unwrap().rate_sets()[0].rates.input;
    let times = ["2026-02-28T00:00:00Z", "2026-03-01T00:00:00Z", "2026-05-31T00:00:00Z", "2026-06-01T00:00:00Z"];
    assert_eq!(times.map(rate), [1, 2, 2, 1]);
    let none = merge(done_rows(), Vec::new(), at("2026-08-01T00:00:00Z"), ListKind::Whole).unwrap();
    Catalogue::embedded().unwrap().with_overrides("t", none.rows).unwrap();
}

/// An open price, a passing one within it, and one that follows.
fn done_rows() -> Vec<RowSource<'static>> {
    rows(json!([row("x", 1, "-", "-"), row("x", 2, "2026-03-01", "2026-04-01"), row("x", 3, "2026-05-01", "-")]))
}

#[test]
fn a_whole_list_ends_what_it_lacks() {
    let present = json!([row("x", 1, "-", "-"), row("gone", 1, "-", "-"), row("planned", 1, "2026-09-01", "-")]);
    let done = merged(present, json!([row("x", 1, "-", "-")]), ListKind::Whole);
    assert_eq!(shown(&done), ["x 1 - -", "gone 1 - 2026-06-01"]);
    let ended: Vec<(&str, bool)> = done.touched.iter().map(|t| (&*t.id, t.ends)).collect();
    assert_eq!(ended, [("gone", true), ("planned", true)]);
    assert_eq!(done.touched[0].from, at(NOW));
}

#[test]
fn dates_that_cannot_be_read_are_told_with_their_place() {
    let wrong = rows(json!([row("x", 1, "soon", "-"), row("y", 1, "-", "later")]));
    let problems = merge(Vec::new(), wrong, at(NOW), ListKind::Partial).unwrap_err();
    assert_eq!(problems.iter().map(|(origin, _)| *origin).collect::<Vec<_>>(), [Origin::List(0), Origin::List(1)]);
    assert!(problems[0].1.starts_with("`valid_from`"), "{problems:?}");
    let present = merge(rows(json!([row("x", 1, "soon", "-")])), Vec::new(), at(NOW), ListKind::Partial).unwrap_err();
    assert_eq!(present[0].0, Origin::Present(0));
}

#[test]
fn a_list_that_says_two_things_of_one_model_is_refused_with_both_places() {
    for (first, second, reason) in [
        (row("x", 1, "-", "-"), row("x", 2, "-", "-"), "from 2026-06-01T00:00:00Z on, as does rows[0]"),
        (row("x", 1, "-", "2026-09-01"), row("x", 2, "2026-07-01", "-"), "the end of rows[0]"),
    ] {
        let problems = merge(Vec::new(), rows(json!([first, second])), at(NOW), ListKind::Partial).unwrap_err();
        assert_eq!(problems.len(), 1);
        assert!(problems[0].0 == Origin::List(1) && problems[0].1.contains(reason), "{problems:?}");
    }
}

#[test]
fn every_row_says_where_it_comes_from() {
    let present = json!([row("a", 1, "-", "-"), row("x", 1, "2026-01-01", "2027-01-01")]);
    let done = merged(present, json!([row("y", 1, "-", "-"), row("x", 2, "-", "2026-07-01")]), ListKind::Partial);
    let expected = [Origin::Present(0), Origin::Present(1), Origin::Present(1), Origin::List(0), Origin::List(1)];
    assert_eq!(done.origins, expected);
}

#[test]
fn rows_that_are_like_a_touched_one_are_touched_too_and_keep_their_base() {
    let like = |id: &str, like: &str| json!({"provider": "openai", "id": id, "like": like});
    let present = json!([row("x", 1, "2026-01-01", "-"), like("a", "x"), like("b", "a")]);
    for (from, a) in [("-", 1), ("2026-01-01", 2)] {
        let done = merged(present.clone(), json!([row("x", 2, from, "-")]), ListKind::Partial);
        let followers: Vec<&str> = done.followers.iter().map(|touched| &*touched.id).collect();
        assert_eq!(followers, ["a", "b"]);
        assert_eq!(done.touched.len(), 3);
        let after = Catalogue::embedded().unwrap().with_overrides("t", done.rows).unwrap().catalogue;
        let frozen = after.frozen(|_, _| at(NOW));
        for (id, rate) in [("x", 2), ("a", a), ("b", a)] {
            for catalogue in [&after, &frozen] {
                assert_eq!(
                    catalogue.find("openai", id, at(NOW)).unwrap().rate_sets()[0].rates.input,
                    rate,
                    "{from} {id}"
                );
            }
        }
        let long_ago = at("2020-01-01T00:00:00Z");
        assert!(after.find("openai", "x", long_ago).is_none() && frozen.find("openai", "x", long_ago).is_some());
    }
    let own =
        json!([row("x", 1, "-", "-"), {"provider": "openai", "id": "a", "like": "x", "rates": [{"in": 1, "out": 1}]}]);
    assert!(merged(own, json!([row("x", 2, "-", "-")]), ListKind::Partial).followers.is_empty());
}

#[test]
fn rows_that_the_list_names_follow_what_they_are_like_for_as_long_as_it_changes() {
    let like = |id: &str, like: &str| json!({"provider": "openai", "id": id, "like": like});
    let dated = |mut row: Value| {
        row["valid_from"] = json!("2026-01-01");
        row
    };
    let open = [like("a", "x"), like("b", "a")];
    let months = ["2026-05-01", "2026-06-01", "2026-07-01", "2026-08-01", "2026-09-01"];
    for (new, followers, expected) in [
        (vec![row("x", 2, "-", "-")], open.clone(), [1, 2, 2, 2, 2]),
        // What was booked at the old price keeps it, whenever the row says that it begins.
        (vec![row("x", 2, "-", "-")], open.clone().map(dated), [1, 2, 2, 2, 2]),
        (vec![row("x", 2, "2026-01-01", "-")], open.clone().map(dated), [2, 2, 2, 2, 2]),
        (vec![row("x", 2, "2026-08-01", "-")], open.clone(), [1, 1, 1, 2, 2]),
        (vec![row("x", 2, "-", "2026-08-01")], open.clone(), [1, 2, 2, 1, 1]),
        (vec![row("x", 2, "-", "2026-07-01"), row("x", 3, "2026-08-01", "-")], open.clone(), [1, 2, 1, 3, 3]),
        (vec![row("x", 3, "2026-08-01", "-"), row("x", 2, "-", "2026-07-01")], open.clone(), [1, 2, 1, 3, 3]),
    ] {
        let present = json!([vec![row("x", 1, "2026-01-01", "-")], followers.to_vec()].concat());
        let in_order = [new, followers.to_vec()].concat();
        // Where they stand in the list makes no difference.
        let backwards: Vec<Value> = in_order.iter().rev().cloned().collect();
        let kinds = [ListKind::Partial, ListKind::Whole].into_iter();
        for (kind, list) in kinds.flat_map(|kind| [&in_order, &backwards].map(|list| (kind, json!(list)))) {
            let done = merged(present.clone(), list.clone(), kind);
            assert_eq!(done.followers, [], "{list}");
            let again = merge(done.rows.clone(), rows(list.clone()), at("2026-06-15T00:00:00Z"), kind).unwrap();
            for rows in [done.rows, again.rows] {
                let catalogue = Catalogue::embedded().unwrap().with_overrides("t", rows).unwrap().catalogue;
                let rate = |id, month| {
                    let when = at(&format!("{month}T00:00:00Z"));
                    catalogue.find("openai", id, when).unwrap().rate_sets()[0].rates.input
                };
                for id in ["a", "b"] {
                    assert_eq!(months.map(|month| rate(id, month)), expected, "{id} {kind:?} {list}");
                }
            }
        }
    }
}

#[test]
fn a_row_that_begins_when_the_old_one_did_stands_behind_what_it_is_like() {
    let a = json!({"provider": "openai", "id": "a", "like": "x", "valid_from": "2026-06-01"});
    let mut was = a.clone();
    was["valid_to"] = json!("2027-01-01");
    let done = merged(json!([row("x", 1, "-", "-"), was]), json!([row("x", 2, "-", "-"), a]), ListKind::Partial);
    let catalogue = Catalogue::embedded().unwrap().with_overrides("t", done.rows).unwrap().catalogue;
    assert_eq!(catalogue.find("openai", "a", at(NOW)).unwrap().rate_sets()[0].rates.input, 2);
    assert_eq!(done.followers, []);
}

#[test]
fn changes_name_every_rate_and_what_should_be_looked_at() {
    let embedded = Catalogue::embedded().unwrap();
    let catalogue = |value: Value| embedded.with_overrides("t", rows(value)).unwrap().catalogue;
    let before = catalogue(json!([row("a", 10, "-", "-"), row("b", 10, "-", "-"), row("c", 10, "-", "-")]));
    let after = catalogue(json!([
        {"provider": "openai", "id": "a", "rates": [{"in": 10, "out": 100}, {"above": 5, "in": 20, "out": 100}]},
        row("b", 101, "-", "-"),
    ]));
    let touched = |id: &str| Touched { provider: "openai".into(), id: id.into(), from: at(NOW), to: None, ends: false };
    let found = changes(&before, &after, &[touched("c"), touched("b"), touched("a"), touched("a")]);
    let review: Vec<(&str, bool)> = found.iter().map(|change| (&*change.of.id, change.needs_review())).collect();
    assert_eq!(review, [("a", false), ("b", true), ("c", true)]);
    let of = |kind, above| found[0].rates.iter().find(|rate| rate.kind == kind && rate.above == above);
    assert_eq!(of(UnitKind::Input, 0), None);
    assert_eq!(of(UnitKind::Output, 0).map(|r| (r.before, r.after)), Some((Some(10), Some(100))));
    assert_eq!(of(UnitKind::Input, 5).map(|r| (r.before, r.after)), Some((Some(10), Some(20))));
    assert!(found[2].rates.iter().all(|rate| rate.after.is_none()));
}
