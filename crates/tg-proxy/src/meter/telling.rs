//! What somebody shall be told beside the calls: of budgets, and of rules that have switched themselves off.

use super::Sink;
use crate::living::Living;

/// Tells of all that has come up since the last time.
pub(super) fn tell(living: &Living, sinks: &mut [Box<dyn Sink>]) {
    let (notices, lost) = living.purses.take_notices();
    if lost > 0 {
        tracing::warn!(lost, "notices of budgets were too many at once");
    }
    let rules = living.qualities.take_news();
    for sink in sinks {
        notices.iter().for_each(|notice| sink.notice(notice));
        rules.iter().for_each(|off| sink.switched_off(off));
    }
}
