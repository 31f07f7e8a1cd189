//! What was saved: the sum of what hits would have cost, of what points for prompt caches saved, and of what moving calls did, by team
//! and time.

use crate::fixture::{at, record};
use crate::on_every_store;
use tg_kernel::decided::{CachePoints, Decided, Routed};
use tg_kernel::ids::CallId;
use tg_kernel::record::{Cost, Pricing, Record};
use tg_kernel::reuse::{Hit, Kind, Outcome, Reuse};
use tg_kernel::units::Money;
use tg_kernel::usage::Usage;
use tg_store::ledger::{Moved, RouteSaved, Saved, SavedByTeam};

fn call(team: &str, second: i64, outcome: Outcome, saved: Option<Cost>) -> Record {
    let hit = saved.map(|saved| Hit {
        kind: Kind::Exact,
        likeness: None,
        age_s: 9,
        from: CallId::fresh(),
        provider: "bedrock".into(),
        model: "claude".into(),
        usage: Usage { output_tokens: 5, ..Usage::default() },
        saved,
    });
    let cache = Some(Reuse { rule: "all".into(), outcome, hit, kept: outcome == Outcome::Miss });
    let mut call = Record { started_at: at(second), ..record() };
    call.attribution.team = team.into();
    call.decided = Some(Box::new(Decided { cache, ..Decided::default() }));
    call
}

fn pointed(team: &str, second: i64, nanos: i64) -> Record {
    let mut call = Record { started_at: at(second), ..record() };
    call.attribution.team = team.into();
    let points = CachePoints { points: 1, saved: Money::from_nanos(nanos) };
    call.decided = Some(Box::new(Decided { prompt_cache: Some(points), ..Decided::default() }));
    call
}

/// A call that went to a cheaper model, unless it stayed.
fn moved(team: &str, from_nanos: Option<i64>, stays: Option<&'static str>) -> Record {
    let mut call = Record { started_at: at(20), ..record() };
    call.attribution.team = team.into();
    let routed = Routed {
        rule: "smart#0123456789ab".into(),
        mode: "enforce".into(),
        to: Some("bedrock/small".into()),
        from: "bedrock/large".into(),
        stays: stays.map(Into::into),
        saving: None,
        from_cost: from_nanos.map(Money::from_nanos),
    };
    call.decided = Some(Box::new(Decided { routed: Some(routed), ..Decided::default() }));
    call
}

#[test]
fn savings_are_summed_by_team_and_time_and_survive_the_store() {
    on_every_store(|bed| {
        let store = bed.open();
        let priced = |nanos| Some(Cost::at_list(Money::from_nanos(nanos), Pricing::Priced, "v/x"));
        let unpriced = Cost { pricing: Pricing::Unpriced, ..Cost::default() };
        let all = [
            call("red", 0, Outcome::Hit, priced(7)),
            call("red", 10, Outcome::Hit, priced(5)),
            call("blue", 10, Outcome::Hit, priced(30)),
            call("green", 10, Outcome::Hit, Some(unpriced)),
            call("red", 20, Outcome::Miss, None),
            Record { started_at: at(20), ..record() },
            pointed("red", 20, 40),
            pointed("red", 20, -9),
            pointed("gold", 20, -2),
            moved("rose", Some(9_000_000), None),
            moved("rose", Some(6_000_000), None),
            moved("rose", None, None),
            moved("rose", Some(9_000_000), Some("cached")),
        ];
        store.ledger_writer().unwrap().append(&all).unwrap();
        let ledger = store.ledger().unwrap();
        let saved = |team: &str, calls, hits, nanos| {
            (team.to_owned(), Saved { calls, hits, by_answers: Money::from_nanos(nanos), ..Saved::default() })
        };
        let with =
            |(team, saved), pointed, nanos| (team, Saved { pointed, by_points: Money::from_nanos(nanos), ..saved });
        let routed = Moved {
            moved: 3,
            unpriced_moves: 1,
            paid: Money::from_nanos(2 * 6_000_001),
            from: Money::from_nanos(9_000_000 + 6_000_000),
            saved: Money::from_nanos(2_999_999 - 1),
        };
        let everything = ledger.saved(None, None).unwrap();
        assert_eq!(
            everything.teams,
            [
                ("rose".to_owned(), Saved { calls: 3, moved: routed, ..Saved::default() }),
                with(saved("red", 4, 2, 12), 2, 31),
                saved("blue", 1, 1, 30),
                ("green".to_owned(), Saved { unpriced_hits: 1, ..saved("green", 1, 1, 0).1 }),
                with(saved("gold", 1, 0, 0), 1, -2),
            ]
        );
        let route = RouteSaved { team: "rose".to_owned(), route: "smart".to_owned(), moved: routed };
        assert_eq!(everything.routes, [route]);
        let early = ledger.saved(Some(at(0)), Some(at(10))).unwrap();
        assert_eq!((early.teams, early.routes), (vec![saved("red", 1, 1, 7)], vec![]));
        assert_eq!(ledger.saved(Some(at(21)), None).unwrap(), SavedByTeam::default());
        let row = ledger.get(all[0].id).unwrap().unwrap();
        assert_eq!(row.decided, all[0].decided);
    });
}
