//! Revisions of the configuration.

use crate::fixture::at;
use crate::{Bed, on_every_store};
use tg_store::revision::{REVISIONS_MAX, digest};
use tg_store::{NewRevision, RevisionError, RevisionHead, Revisions};

fn revisions(bed: &Bed) -> Revisions {
    bed.open().revisions().unwrap()
}

fn new(text: &str) -> NewRevision {
    NewRevision { author: "ada".to_owned(), note: "why\nnot".to_owned(), text: text.to_owned(), restores: None }
}

#[test]
fn what_was_added_is_read_as_it_was_written_and_the_newest_is_in_force() {
    on_every_store(|bed| {
        let (mut mine, mut theirs) = (revisions(bed), revisions(bed));
        assert_eq!(mine.newest().unwrap(), None);
        let text = "# söarch: ✓\r\nproviders: []\n";
        let first = mine.add(&new(text), None, at(1)).unwrap();
        let expected = RevisionHead {
            number: 1,
            at: at(1),
            author: "ada".to_owned(),
            note: "why\nnot".to_owned(),
            digest: digest(text),
            replaces: None,
            restores: None,
        };
        assert_eq!(first, expected);
        let second = theirs.add(&new("second"), None, at(2)).unwrap();
        let third = mine.add(&NewRevision { restores: Some(1), ..new(text) }, None, at(3)).unwrap();
        assert_eq!((second.replaces, third.replaces, third.restores), (Some(1), Some(2), Some(1)));
        let newest = theirs.newest().unwrap().unwrap();
        assert_eq!((&newest.head, newest.text.as_str()), (&third, text));
        assert_eq!(theirs.list(2).unwrap(), [third, second.clone()]);
        assert_eq!(mine.get(2).unwrap().unwrap().head, second);
        assert_eq!(mine.get(4).unwrap(), None);
    });
}

#[test]
fn who_was_slower_hears_so_and_nothing_is_overwritten() {
    on_every_store(|bed| {
        let (mut mine, mut theirs) = (revisions(bed), revisions(bed));
        let raced = |revisions: &mut Revisions, expected| {
            let refused = revisions.add(&new("late"), Some(expected), at(9)).unwrap_err();
            if let RevisionError::Raced { expected, newest } = refused { Some((expected, newest)) } else { None }
        };
        assert_eq!(raced(&mut mine, 1), Some((1, None)));
        mine.add(&new("a"), Some(0), at(1)).unwrap();
        assert_eq!(raced(&mut theirs, 0), Some((0, Some(1))));
        theirs.add(&new("b"), Some(1), at(2)).unwrap();
        assert_eq!(raced(&mut mine, 1), Some((1, Some(2))));
        assert_eq!(mine.newest().unwrap().unwrap().text, "b");
    });
}

#[test]
fn of_many_who_add_at_once_each_has_a_number_and_one_of_those_who_expect_the_same_wins() {
    on_every_store(|bed| {
        let store = bed.open();
        let added: Vec<u64> = std::thread::scope(|scope| {
            let add = |number: i64| {
                let mut revisions = store.revisions().unwrap();
                move || revisions.add(&new(&format!("text {number}")), None, at(number)).unwrap().number
            };
            let all: Vec<_> = (0..8).map(|number| scope.spawn(add(number))).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let mut sorted = added;
        sorted.sort_unstable();
        assert_eq!(sorted, (1..=8).collect::<Vec<_>>());
        let won = std::thread::scope(|scope| {
            let add = |number: i64| {
                let mut revisions = store.revisions().unwrap();
                move || revisions.add(&new(&format!("race {number}")), Some(8), at(number)).is_ok()
            };
            let all: Vec<_> = (0..8).map(|number| scope.spawn(add(number))).collect();
            all.into_iter().filter_map(|one| one.join().unwrap().then_some(())).count()
        });
        assert_eq!(won, 1);
    });
}

#[test]
fn a_change_is_seen_once_by_everyone_else() {
    on_every_store(|bed| {
        let (mut mine, mut theirs) = (revisions(bed), revisions(bed));
        assert_eq!(mine.other_than(None).unwrap(), None);
        let first = theirs.add(&new("a"), None, at(1)).unwrap();
        let eventually = |revisions: &mut Revisions, seen: Option<&RevisionHead>| {
            let begun = std::time::Instant::now();
            loop {
                if let Some(found) = revisions.other_than(seen).unwrap() {
                    return found;
                }
                assert!(begun.elapsed() < std::time::Duration::from_secs(2), "within two seconds");
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
        };
        let seen = eventually(&mut mine, None);
        assert_eq!((&seen.head, seen.text.as_str()), (&first, "a"));
        assert_eq!(mine.other_than(Some(&first)).unwrap(), None);
        let second = theirs.add(&new("b"), None, at(2)).unwrap();
        assert_eq!(eventually(&mut mine, Some(&first)).head, second);
        assert_eq!(mine.other_than(Some(&second)).unwrap(), None);
    });
}

#[test]
fn the_last_thousand_are_kept() {
    on_every_store(|bed| {
        let mut revisions = revisions(bed);
        for number in 0..REVISIONS_MAX + 5 {
            revisions.add(&new("text"), Some(number), at(0)).unwrap();
        }
        let kept = revisions.list(usize::try_from(REVISIONS_MAX).unwrap() * 2).unwrap();
        assert_eq!((kept.len() as u64, kept[0].number), (REVISIONS_MAX, REVISIONS_MAX + 5));
        assert_eq!((revisions.get(5).unwrap(), kept.last().unwrap().number), (None, 6));
    });
}

#[test]
fn what_cannot_be_kept_is_refused() {
    on_every_store(|bed| {
        let mut revisions = revisions(bed);
        for (bad, word) in [
            (new(&"x".repeat((4 << 20) + 1)), "larger than 4 MiB"),
            (new("a\0b"), "NUL"),
            (NewRevision { author: String::new(), ..new("a") }, "author"),
            (NewRevision { author: "a\nb".to_owned(), ..new("a") }, "author"),
            (NewRevision { note: "n".repeat(1001), ..new("a") }, "note"),
            (NewRevision { note: "\u{1b}[2J".to_owned(), ..new("a") }, "note"),
        ] {
            let refused = revisions.add(&bad, None, at(0)).unwrap_err();
            assert!(matches!(&refused, RevisionError::Invalid(told) if told.contains(word)), "{refused}");
        }
        assert_eq!(revisions.newest().unwrap(), None);
        let largest = "é".repeat(2 << 20);
        revisions.add(&new(&largest), None, at(0)).unwrap();
        assert_eq!(revisions.newest().unwrap().unwrap().text, largest);
    });
}
