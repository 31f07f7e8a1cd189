//! Rules that have switched themselves off, in the store.

use super::fixture::at;
use super::on_every_store;
use tg_store::Switch;
use tg_store::switches::SWITCHES_MAX;

fn off(rule: &str, seconds: i64) -> Switch {
    let (rule, task) = (rule.to_owned(), "classification".to_owned());
    Switch { rule, is_off: true, at: at(seconds), task, kept: 10, compared: 40, floor_millionths: 950_000 }
}

#[test]
fn a_rule_stays_off_for_every_process_until_somebody_switches_it_on() {
    on_every_store(|bed| {
        let (mut one, mut other) = (bed.open().switches().unwrap(), bed.open().switches().unwrap());
        assert_eq!(one.get("smart#1").unwrap(), None);
        assert_eq!(one.switch_on("smart#1", at(0)).unwrap(), None, "it was never off");
        assert_eq!(one.switch_off(&off("smart#1", 0)).unwrap(), off("smart#1", 0));
        let later = Switch { kept: 3, ..off("smart#1", 5) };
        assert_eq!(other.switch_off(&later).unwrap(), off("smart#1", 0), "it is off since it first was");
        assert_eq!(other.get("smart#2").unwrap(), None, "another rule is not");
        let on = other.switch_on("smart#1", at(9)).unwrap().unwrap();
        assert_eq!(on, Switch { is_off: false, at: at(9), ..off("smart#1", 0) });
        assert_eq!(one.switch_on("smart#1", at(10)).unwrap(), None, "it is on");
        assert_eq!(one.switch_off(&off("smart#1", 8)).unwrap(), on, "what was decided before does not count");
        assert_eq!(one.switch_off(&off("smart#1", 11)).unwrap(), off("smart#1", 11));
        let by_a_clock_that_is_behind = one.switch_on("smart#1", at(2)).unwrap().unwrap();
        assert!(by_a_clock_that_is_behind.at > at(11), "it is after it was switched off");
        assert_eq!(bed.open().switches().unwrap().get("smart#1").unwrap(), Some(by_a_clock_that_is_behind));
    });
}

#[test]
fn the_oldest_switches_are_forgotten_beyond_a_bound() {
    on_every_store(|bed| {
        let mut switches = bed.open().switches().unwrap();
        let rule = |number: usize| format!("smart#{number}");
        for (number, seconds) in (0..SWITCHES_MAX).zip(0..) {
            switches.switch_off(&off(&rule(number), seconds)).unwrap();
        }
        assert!(switches.get("smart#0").unwrap().is_some());
        switches.switch_off(&off("last", 1_000_000)).unwrap();
        assert_eq!(switches.get("smart#0").unwrap(), None);
        assert!(switches.get("smart#1").unwrap().is_some() && switches.get("last").unwrap().is_some());
        switches.switch_on("last", at(2_000_000)).unwrap();
        switches.switch_off(&off("newest", 3_000_000)).unwrap();
        assert_eq!(switches.get("last").unwrap(), None, "one that is on makes room for those that are off");
        assert!(switches.get("smart#1").unwrap().is_some() && switches.get("newest").unwrap().is_some());
    });
}
