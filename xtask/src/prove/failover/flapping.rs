//! Targets that fail again and again and are well in between: with an alternative no caller sees it.

use super::Scene;
use super::seen::{Saw, Seen, Sight, booked};
use super::troubles::{Failing, Place, all};
use crate::prove::findings::Findings;
use crate::table::Table;
use crate::wire::dialect::{Ask, Delivery, Dialect, OUTPUT_MAX};
use anyhow::{Context as _, Result};
use std::path::Path;
use std::time::{Duration, Instant};

/// Who is passed over is looked at again soon.
const RESILIENCE: &str = "{ breaker: { failures: 5, rest: 50ms, rest_max: 200ms } }";

/// How long a target that is well again may stay passed over.
const RETURN_MAX: Duration = Duration::from_secs(20);

/// Calls in a row that fail, where all of a time do.
const IN_A_ROW: usize = 10;

/// A way to flap: the name, whether this call fails, and who is passed over for it.
type Way = (&'static str, fn(usize) -> bool, &'static str);

const WAYS: [Way; 2] = [
    ("flapping: every third call fails", |number| number.is_multiple_of(3), ""),
    ("flapping: ten calls fail, ten do not", |number| (number / IN_A_ROW).is_multiple_of(2), "model"),
];

/// Makes so many calls of each kind, adds what was seen to the table, and notes what holds.
pub(super) async fn prove(program: &Path, count: usize, findings: &mut Findings, table: &mut Table) -> Result<()> {
    let (mut flaws, mut calls) = (Vec::new(), 0);
    for failing in Failing::ALL {
        for (name, fails, blamed) in WAYS {
            // Any whose target is where it should be: the script says what it does.
            let number = all().iter().position(|of| of.failing == failing && of.place == Place::Simulated);
            let flight = Flight { failing, model: Scene::model(number.context("no such target")?), fails };
            let scene = Scene::start(program, RESILIENCE)?;
            let (sight, found) = flight.take(&scene, count).await?;
            let culprits: Vec<String> = scene.culprits().await?.into_keys().collect();
            scene.gateway.end()?;
            let is_right = found.is_empty() && culprits.join(", ") == blamed;
            let [saw, tries, passed, booked] = sight.cells(&culprits.join(", "));
            let verdict = if is_right { "yes" } else { "NO" }.to_owned();
            table.row([failing.name().to_owned(), name.to_owned(), saw, tries, passed, booked, verdict]);
            flaws.extend(found.into_iter().map(|flaw| format!("{} {name}: {flaw}", failing.name())));
            if culprits.join(", ") != blamed {
                flaws.push(format!("{} {name}: {culprits:?} was passed over, not `{blamed}`", failing.name()));
            }
            calls += count;
        }
    }
    findings.none(
        "a target that fails now and then is seen by no caller, and tried again when it is well",
        calls,
        &flaws,
    );
    Ok(())
}

/// Calls in a row to a target that fails now and then.
struct Flight {
    failing: Failing,
    model: String,
    fails: fn(usize) -> bool,
}

impl Flight {
    /// What was seen, and what of it is not right.
    async fn take(&self, scene: &Scene, count: usize) -> Result<(Sight, Vec<String>)> {
        let (mut made, mut flaws) = (Vec::new(), Vec::new());
        for number in 0..count {
            let script = self.failing.directive(if (self.fails)(number) { "status=500" } else { "" });
            let seen = self.call(scene, &format!("call {number}"), &script).await;
            if seen.saw != Saw::Whole || !matches!(seen.tries.as_str(), "1" | "2") {
                flaws.push(format!("call {number}: {seen:?}"));
            }
            made.push(seen);
        }
        // When it is well again, it is tried again.
        let limit = Instant::now() + RETURN_MAX;
        let mut all = count + 1;
        while self.call(scene, "and now", "").await.provider == "second" {
            all += 1;
            if Instant::now() > limit {
                flaws.push("it was never tried again".to_owned());
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let rows = scene.rows(all).await?;
        let mut sight = Sight::default();
        for seen in &made {
            let row = rows.iter().find(|row| row["request_id"].as_str() == seen.id.as_deref());
            let booked = row.map_or(0, |row| booked(row, seen.saw));
            if row.is_none() || booked > 0 {
                flaws.push(format!("{seen:?} is booked with {booked}: {row:?}"));
            }
            sight.add(seen, booked);
        }
        if sight.tries.len() != 2 {
            flaws.push(format!("some calls have one try and some two; seen were {:?}", sight.tries));
        }
        Ok((sight, flaws))
    }

    async fn call(&self, scene: &Scene, mark: &str, script: &str) -> Seen {
        let (model, prompt) = (self.model.clone(), format!("{mark} {script}"));
        let ask = Ask { dialect: Dialect::Chat, model, prompt, delivery: Delivery::Plain, output_max: OUTPUT_MAX };
        Seen::of(&scene.client, &ask, mark).await
    }
}
