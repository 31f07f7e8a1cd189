//! What caches saved: the sum of what hits would have cost and of what points for prompt caches saved, by team and time.

use crate::fixture::{at, record};
use crate::on_every_store;
use tg_kernel::decided::{CachePoints, Decided};
use tg_kernel::ids::CallId;
use tg_kernel::record::{Cost, Pricing, Record};
use tg_kernel::reuse::{Hit, Kind, Outcome, Reuse};
use tg_kernel::units::Money;
use tg_kernel::usage::Usage;
use tg_store::ledger::Saved;

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
        ];
        store.ledger_writer().unwrap().append(&all).unwrap();
        let ledger = store.ledger().unwrap();
        let saved = |team: &str, hits, nanos| Saved {
            team: team.to_owned(),
            hits,
            amount: Money::from_nanos(nanos),
            ..Saved::default()
        };
        let with = |saved: Saved, pointed, nanos| Saved { pointed, by_points: Money::from_nanos(nanos), ..saved };
        let everything = ledger.saved(None, None).unwrap();
        assert_eq!(
            everything,
            [
                with(saved("red", 2, 12), 2, 31),
                saved("blue", 1, 30),
                saved("green", 1, 0),
                with(saved("gold", 0, 0), 1, -2),
            ]
        );
        assert_eq!(ledger.saved(Some(at(0)), Some(at(10))).unwrap(), [saved("red", 1, 7)]);
        assert_eq!(ledger.saved(Some(at(21)), None).unwrap(), []);
        let row = ledger.get(all[0].id).unwrap().unwrap();
        assert_eq!(row.decided, all[0].decided);
    });
}
