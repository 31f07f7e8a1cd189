//! Every way to fail, in every dialect, whole and streamed: what was seen of it, beside what has to be.

use super::Scene;
use super::seen::{Saw, Seen, Sight, booked};
use super::troubles::{Failing, Trouble, all};
use crate::prove::findings::Findings;
use crate::table::Table;
use crate::wire::dialect::{Ask, Delivery, Dialect, OUTPUT_MAX};
use anyhow::Result;
use futures_util::{StreamExt as _, future, stream};
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;

/// Calls at once.
const ABREAST: usize = 8;

/// How often a trouble comes, all at once, until it is clear that nobody is passed over for it: the breaker waits for five in a
/// row.
const REPEATS: usize = 8;

/// How often is looked whether somebody is passed over: a quota of which the provider does not say when it opens rests for a
/// second alone.
const LOOKS: usize = 3;

/// Nobody is passed over, so that each call meets its trouble.
const STEADY: &str = "{ breaker: { enabled: false } }";

/// Who is passed over stays so for longer than it takes to see it.
const WATCHED: &str = "{ breaker: { rest: 30s, rest_max: 60s } }";

/// One call.
struct Cell {
    trouble: usize,
    name: String,
    seen: Seen,
}

/// Plays all of it, adds what was seen to the table, and notes what holds.
pub(super) async fn prove(
    program: &Path,
    dialects: &[Dialect],
    findings: &mut Findings,
    table: &mut Table,
) -> Result<()> {
    let troubles = all();
    let steady = Scene::start(program, STEADY)?;
    let watched = [Scene::start(program, WATCHED)?, Scene::start(program, WATCHED)?];
    let of = |scene, failing| benched(scene, &troubles, failing);
    let (cells, openai, bedrock) = future::try_join3(
        play(&steady, &troubles, dialects),
        of(&watched[0], Failing::Openai),
        of(&watched[1], Failing::Bedrock),
    )
    .await?;
    let rows = rows(&steady, cells.len()).await?;
    steady.gateway.end()?;
    watched.into_iter().try_for_each(|scene| scene.gateway.end())?;
    let mut verdict = Verdict::default();
    for ((number, trouble), blamed) in troubles.iter().enumerate().zip(openai.into_iter().chain(bedrock)) {
        let own: Vec<&Cell> = cells.iter().filter(|cell| cell.trouble == number).collect();
        verdict.judge(trouble, &own, &rows, &blamed, table);
    }
    verdict.note(findings);
    Ok(())
}

/// Makes each call once.
async fn play(scene: &Scene, troubles: &[Trouble], dialects: &[Dialect]) -> Result<Vec<Cell>> {
    let mut calls = Vec::new();
    for (number, trouble) in troubles.iter().enumerate() {
        for dialect in dialects {
            calls.extend(trouble.calls.deliveries().iter().map(|delivery| (number, trouble, *dialect, *delivery)));
        }
    }
    let made = stream::iter(calls).map(|(number, trouble, dialect, delivery)| async move {
        let name = format!("{} {} {} {delivery:?}", trouble.failing.name(), trouble.name, dialect.name());
        let seen = call(scene, (number, trouble), (dialect, delivery), &name).await;
        Cell { trouble: number, name, seen }
    });
    Ok(made.buffer_unordered(ABREAST).collect().await)
}

async fn call(
    scene: &Scene,
    (number, trouble): (usize, &Trouble),
    (dialect, delivery): (Dialect, Delivery),
    mark: &str,
) -> Seen {
    let prompt = format!("{mark} {}", trouble.directive());
    let ask = Ask { dialect, model: Scene::model(number), prompt, delivery, output_max: OUTPUT_MAX };
    Seen::of(&scene.client, &ask, mark).await
}

/// All rows, by the ids of their calls.
async fn rows(scene: &Scene, calls: usize) -> Result<HashMap<String, Value>> {
    let rows = scene.rows(calls).await?.into_iter();
    Ok(rows.map(|row| (row["request_id"].as_str().unwrap_or_default().to_owned(), row)).collect())
}

/// Who is passed over after each trouble of one provider: by whose fault, as the metrics have it, where the next call does
/// go to the other target at once.
async fn benched(scene: &Scene, troubles: &[Trouble], failing: Failing) -> Result<Vec<String>> {
    let mut blamed = Vec::new();
    let mut before = scene.culprits().await?;
    for (number, trouble) in troubles.iter().enumerate().filter(|(_, trouble)| trouble.failing == failing) {
        let kind = (Dialect::Chat, *trouble.calls.deliveries().last().unwrap_or(&Delivery::Plain));
        let again = |_| call(scene, (number, trouble), kind, "again");
        future::join_all((0..REPEATS).map(again)).await;
        let after = scene.culprits().await?;
        let mut culprits: Vec<&str> = Vec::new();
        culprits.extend(
            after.iter().filter(|(name, count)| before.get(*name) != Some(*count)).map(|(name, _)| name.as_str()),
        );
        let mut is_passed_over = false;
        for _ in 0..LOOKS {
            let seen = again(0).await;
            is_passed_over = seen.saw == Saw::Whole && seen.tries == "1" && seen.provider == "second";
            if is_passed_over || culprits.is_empty() {
                break;
            }
        }
        blamed.push(match (culprits.join(", "), is_passed_over) {
            (culprits, true) if culprits.is_empty() => "somebody, for no reason that is counted".to_owned(),
            (culprits, false) if !culprits.is_empty() => format!("{culprits}, and tried all the same"),
            (culprits, _) => culprits,
        });
        before = scene.culprits().await?;
    }
    Ok(blamed)
}

/// What went otherwise than it should.
#[derive(Default)]
struct Verdict {
    hidden: (usize, Vec<String>),
    told: (usize, Vec<String>),
    benched: (usize, Vec<String>),
}

impl Verdict {
    /// Adds what was seen of one way to fail.
    fn judge(
        &mut self,
        trouble: &Trouble,
        cells: &[&Cell],
        rows: &HashMap<String, Value>,
        blamed: &str,
        table: &mut Table,
    ) {
        let (calls, flaws) = if trouble.saw == Saw::Whole { &mut self.hidden } else { &mut self.told };
        let (mut sight, before) = (Sight::default(), flaws.len());
        for Cell { name, seen, .. } in cells {
            *calls += 1;
            let row = seen.id.as_ref().and_then(|id| rows.get(id));
            let booked = row.map_or(0, |row| booked(row, seen.saw));
            sight.add(seen, booked);
            let is_right =
                seen.saw == trouble.saw && seen.tries == trouble.tries() && (booked > 0) == trouble.is_billed;
            if row.is_none() || !is_right {
                flaws.push(format!("{name}: {seen:?} {}", row.unwrap_or(&Value::Null)));
            }
        }
        self.benched.0 += 1;
        if blamed != trouble.blamed {
            let wanted = format!("`{blamed}` was passed over, not `{}`", trouble.blamed);
            self.benched.1.push(format!("{} {}: {wanted}", trouble.failing.name(), trouble.name));
        }
        let is_so = flaws.len() == before && blamed == trouble.blamed;
        let [saw, tries, blamed, booked] = sight.cells(blamed);
        let verdict = if is_so { "yes" } else { "NO" }.to_owned();
        table.row([trouble.failing.name().to_owned(), trouble.name.to_owned(), saw, tries, blamed, booked, verdict]);
    }

    fn note(self, findings: &mut Findings) {
        let Self { hidden, told, benched } = self;
        findings.none(
            "one healthy target hides every failure before the first word; each try is booked",
            hidden.0,
            &hidden.1,
        );
        findings.none(
            "what no target mends is told in the caller's dialect after one try, and what came of it is booked",
            told.0,
            &told.1,
        );
        findings.none("who is to blame is passed over, and nobody else", benched.0, &benched.1);
    }
}
