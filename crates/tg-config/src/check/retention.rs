//! Retention: whether sums outlive what they sum.

use super::Findings;
use crate::document::Document;
use crate::problem::{Path, Problem};

pub(super) fn check(document: &Document, found: &mut Findings) {
    let path = Path::root().member("store").member("retention");
    let retention = document.store.retention;
    match (retention.calls, retention.rollups) {
        (None, Some(_)) => {
            let message = "deletes sums of calls that are kept for ever";
            let hint = "add `calls`, not longer than `rollups`, or remove `rollups`";
            let problem = Problem::new(path.member("rollups"), message, hint);
            found.add_resting_on(vec![path.member("calls")], problem);
        }
        (Some(calls), Some(rollups)) if rollups < calls => {
            let message = format!("{rollups} is shorter than `calls` ({calls}): calls would be missing in reports");
            let hint = format!("write at least `{calls}`, or remove `rollups` to keep sums for ever");
            let problem = Problem::new(path.member("rollups"), message, hint);
            found.add_resting_on(vec![path.member("calls")], problem);
        }
        _ => {}
    }
}
