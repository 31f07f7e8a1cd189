//! The line before a full pool, fair between teams: start-time fair queueing in two steps, classes first, teams within each.
//!
//! What a call takes is counted in the pool's own time (see [`Entry::cost`]). Each class, and each team within it, has a tag:
//! the time up to which it has had its part. The smallest tag is next. Who comes anew begins a little before where the others
//! stand: a team that wants less than its part, now and then some calls at once, does not wait for its turns behind one that
//! floods. But nobody saves up more than that, and nobody who took more while it was quiet is made to pay for it.

use super::priority::{Class, Standing};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// Teams of a class that are kept though nobody of them waits, until they are looked through.
const FLOWS_KEPT: usize = 1024;

/// How much of its part of the pool's time somebody may be behind, and have at once when it comes.
const CREDIT: Duration = Duration::from_secs(2);

/// So many parts of a nanosecond are told apart, so that weights divide without much loss.
const SCALE: u128 = 1024;

/// Who wants a place.
#[derive(Clone, Debug)]
pub(super) struct Who {
    pub(super) team: Arc<str>,
    pub(super) standing: Standing,
}

/// One call that waits.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) ticket: u64,
    /// How much of the pool's time it is likely to take.
    pub(super) cost: Duration,
    /// Bytes of its body.
    pub(super) bytes: u64,
    pub(super) units: super::room::Units,
}

/// Who else waited when a call went: for whom nobody had to wait, it was quiet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Beside {
    /// Calls of other classes.
    pub(super) classes: bool,
    /// Calls of other teams of its class.
    pub(super) teams: bool,
}

/// Calls of one team in one class.
#[derive(Debug, Default)]
struct Flow {
    waiting: VecDeque<Entry>,
    weight: u32,
    /// Of what waits.
    backlog: Duration,
    tag: Tag,
}

/// Up to when somebody has had its part.
#[derive(Clone, Copy, Debug, Default)]
struct Tag {
    /// Of who waits: when the next one begins. Of others, when the last one ended.
    at: u128,
}

impl Tag {
    /// Somebody begins to wait, beside others that have these weights with it.
    fn begin(&mut self, clock: u128, weights: u32) {
        self.at = self.at.max(clock.saturating_sub(span(CREDIT, weights)));
    }

    fn serve(&mut self, cost: Duration, weight: u32) {
        self.at = self.at.saturating_add(span(cost, weight));
    }

    /// Of what was served, more or less was taken than was thought. More is not counted where it was taken from nobody.
    fn correct(&mut self, (thought, taken): (Duration, Duration), weight: u32, (clock, is_counted): (u128, bool)) {
        self.at = if taken > thought {
            if !is_counted {
                return;
            }
            self.at.saturating_add(span(taken.saturating_sub(thought), weight))
        } else {
            let back = span(thought.saturating_sub(taken), weight);
            // Never before the others: what was not taken is not saved up.
            self.at.saturating_sub(back).max(self.at.min(clock))
        };
    }
}

fn span(cost: Duration, weight: u32) -> u128 {
    cost.as_nanos().saturating_mul(SCALE) / u128::from(weight.max(1))
}

/// The pool's time that passes for who has this weight, until `to` from `from`.
fn time(from: u128, to: u128, weight: u32) -> Duration {
    let nanos = to.saturating_sub(from).saturating_mul(u128::from(weight)) / SCALE;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// The weights of all classes together.
const ALL_CLASSES: u32 = 21;

/// One class.
#[derive(Debug, Default)]
struct Tier {
    flows: HashMap<Arc<str>, Flow>,
    /// How many wait.
    length: usize,
    backlog: Duration,
    /// The tag of who was served last.
    clock: u128,
    tag: Tag,
}

/// All who wait for a pool.
#[derive(Debug, Default)]
pub(super) struct Line {
    tiers: [Tier; 3],
    clock: u128,
    bytes: u64,
}

impl Line {
    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.tiers.iter().map(|tier| tier.length).sum()
    }

    /// Whether nobody does.
    pub(super) fn is_empty(&self) -> bool {
        self.tiers.iter().all(|tier| tier.length == 0)
    }

    /// Bytes of the bodies of those who wait.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    fn tier(&self, class: Class) -> Option<&Tier> {
        self.tiers.get(class.place())
    }

    /// Puts a call at its team's end.
    pub(super) fn push(&mut self, who: &Who, entry: Entry) {
        let clock = self.clock;
        let Some(tier) = self.tiers.get_mut(who.standing.class.place()) else { return };
        if tier.length == 0 {
            tier.tag.begin(clock, ALL_CLASSES);
        }
        self.bytes = self.bytes.saturating_add(entry.bytes);
        tier.length += 1;
        tier.backlog += entry.cost;
        let (clock, weights) = (tier.clock, tier.weights(who));
        let flow = tier.flow(who);
        if flow.waiting.is_empty() {
            flow.tag.begin(clock, weights);
        }
        flow.backlog += entry.cost;
        flow.waiting.push_back(entry);
    }

    /// Who is next.
    pub(super) fn next(&self) -> Option<(Class, Arc<str>, &Entry)> {
        let waits = Class::ALL.into_iter().filter_map(|class| Some((class, self.tier(class)?)));
        let (class, tier) = waits.filter(|(_, tier)| tier.length > 0).min_by_key(|(_, tier)| tier.tag.at)?;
        let heads = tier.flows.iter().filter_map(|(team, flow)| Some((team, flow, flow.waiting.front()?)));
        let (team, _, entry) = heads.min_by_key(|(_, flow, entry)| (flow.tag.at, entry.ticket))?;
        Some((class, Arc::clone(team), entry))
    }

    /// Who waits beside this team.
    pub(super) fn beside(&self, class: Class, team: &str) -> Beside {
        let of_class = self.tier(class);
        let length = of_class.map_or(0, |tier| tier.length);
        let own = of_class.and_then(|tier| tier.flows.get(team)).map_or(0, |flow| flow.waiting.len());
        Beside { classes: self.len() > length, teams: length > own }
    }

    /// Takes the next one of this team out, which is served.
    pub(super) fn serve(&mut self, class: Class, team: &str) -> Option<Entry> {
        let tier = self.tiers.get_mut(class.place())?;
        let flow = tier.flows.get_mut(team)?;
        let entry = flow.waiting.pop_front()?;
        flow.backlog = flow.backlog.saturating_sub(entry.cost);
        tier.clock = tier.clock.max(flow.tag.at);
        flow.tag.serve(entry.cost, flow.weight);
        tier.length -= 1;
        tier.backlog = tier.backlog.saturating_sub(entry.cost);
        self.clock = self.clock.max(tier.tag.at);
        tier.tag.serve(entry.cost, class.weight());
        self.bytes = self.bytes.saturating_sub(entry.bytes);
        Some(entry)
    }

    /// A call is served that never waited, as nobody does.
    pub(super) fn pass(&mut self, who: &Who, cost: Duration) {
        let class = who.standing.class;
        let Some(tier) = self.tiers.get_mut(class.place()) else { return };
        tier.tag.begin(self.clock, ALL_CLASSES);
        self.clock = self.clock.max(tier.tag.at);
        tier.tag.serve(cost, class.weight());
        let (clock, weights) = (tier.clock, tier.weights(who));
        let flow = tier.flow(who);
        flow.tag.begin(clock, weights);
        let (at, weight) = (flow.tag.at, flow.weight);
        flow.tag.serve(cost, weight);
        tier.clock = tier.clock.max(at);
    }

    /// A call that was served, while these waited beside it, has taken more or less than was thought.
    pub(super) fn correct(&mut self, (class, team): (Class, &str), beside: Beside, thought: Duration, taken: Duration) {
        let clock = self.clock;
        let Some(tier) = self.tiers.get_mut(class.place()) else { return };
        tier.tag.correct((thought, taken), class.weight(), (clock, beside.classes));
        let clock = tier.clock;
        if let Some(flow) = tier.flows.get_mut(team) {
            flow.tag.correct((thought, taken), flow.weight, (clock, beside.teams));
        }
    }

    /// Takes a call out that waits no longer.
    pub(super) fn remove(&mut self, class: Class, team: &str, ticket: u64) -> Option<Entry> {
        let tier = self.tiers.get_mut(class.place())?;
        let flow = tier.flows.get_mut(team)?;
        let place = flow.waiting.binary_search_by_key(&ticket, |entry| entry.ticket).ok()?;
        let entry = flow.waiting.remove(place)?;
        flow.backlog = flow.backlog.saturating_sub(entry.cost);
        tier.length -= 1;
        tier.backlog = tier.backlog.saturating_sub(entry.cost);
        self.bytes = self.bytes.saturating_sub(entry.bytes);
        Some(entry)
    }

    /// How much of the pool's time goes to others before a call that comes now.
    pub(super) fn ahead(&self, who: &Who) -> Duration {
        let Some(tier) = self.tier(who.standing.class) else { return Duration::ZERO };
        let own = tier.flows.get(&who.team);
        let mut within = own.map_or(Duration::ZERO, |flow| flow.backlog);
        let weight = who.standing.weight;
        let mut tag = own.map_or_else(Tag::default, |flow| flow.tag);
        if own.is_none_or(|flow| flow.waiting.is_empty()) {
            tag.begin(tier.clock, tier.weights(who));
        }
        let turn = tag.at.saturating_add(span(within, weight));
        let others = tier.flows.iter().filter(|(team, flow)| **team != who.team && !flow.waiting.is_empty());
        within += others.map(|(_, flow)| flow.before(turn)).sum::<Duration>();
        // And before its class has had so much, others have theirs.
        let class = who.standing.class;
        let mut tag = tier.tag;
        if tier.length == 0 {
            tag.begin(self.clock, ALL_CLASSES);
        }
        let turn = tag.at.saturating_add(span(within, class.weight()));
        let others = Class::ALL.into_iter().filter(|other| *other != class);
        let beside = others.filter_map(|other| Some((other, self.tier(other)?))).map(|(other, tier)| {
            if tier.length == 0 { Duration::ZERO } else { time(tier.tag.at, turn, other.weight()).min(tier.backlog) }
        });
        within + beside.sum::<Duration>()
    }

    /// The last call of the team that has most before the pool for its part, if that is more than `who` would have with a
    /// call of this cost more: a team that floods takes no room in the line from others.
    pub(super) fn most(&self, who: &Who, cost: Duration) -> Option<Last> {
        let own = self.tier(who.standing.class).and_then(|tier| tier.flows.get(&who.team));
        let own = own.map_or(Duration::ZERO, |flow| flow.backlog) + cost;
        let own = part(own, who.standing.class, who.standing.weight);
        let tiers = Class::ALL.into_iter().filter_map(|class| Some((class, self.tier(class)?)));
        let flows = tiers.flat_map(|(class, tier)| tier.flows.iter().map(move |(team, flow)| (class, team, flow)));
        let last = flows.filter_map(|(class, team, flow)| {
            let entry = flow.waiting.back()?;
            let last = Last { class, team: Arc::clone(team), ticket: entry.ticket, bytes: entry.bytes };
            Some((part(flow.backlog, class, flow.weight), last))
        });
        // Of several alike, the one that came last.
        let (most, last) = last.max_by_key(|(most, last)| (*most, last.ticket))?;
        (most > own).then_some(last)
    }
}

/// The last call of a team.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Last {
    pub(super) class: Class,
    pub(super) team: Arc<str>,
    pub(super) ticket: u64,
    pub(super) bytes: u64,
}

/// What somebody has before the pool, by the part of it that is its own.
fn part(backlog: Duration, class: Class, weight: u32) -> u128 {
    backlog.as_nanos().saturating_mul(SCALE) / (u128::from(class.weight()) * u128::from(weight.max(1)))
}

impl Tier {
    /// The weights of those who wait, and of `who`.
    fn weights(&self, who: &Who) -> u32 {
        if self.length == 0 {
            return who.standing.weight.max(1);
        }
        let others = self.flows.iter().filter(|(team, flow)| **team != who.team && !flow.waiting.is_empty());
        others.fold(who.standing.weight.max(1), |sum, (_, flow)| sum.saturating_add(flow.weight))
    }

    fn flow(&mut self, who: &Who) -> &mut Flow {
        if self.flows.len() >= FLOWS_KEPT && !self.flows.contains_key(&who.team) {
            // Who has had no more than its part is as good as new.
            let clock = self.clock;
            self.flows.retain(|_, flow| !flow.waiting.is_empty() || flow.tag.at > clock);
        }
        let flow = self.flows.entry(Arc::clone(&who.team)).or_default();
        flow.weight = who.standing.weight.max(1);
        flow
    }
}

impl Flow {
    /// What of it is served before a turn at this tag: that of the call which is begun then included.
    fn before(&self, turn: u128) -> Duration {
        let whole = time(self.tag.at, turn, self.weight);
        if turn <= self.tag.at {
            return Duration::ZERO;
        }
        let mut served = Duration::ZERO;
        for entry in &self.waiting {
            if served >= whole {
                break;
            }
            served += entry.cost;
        }
        served
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::room::Units;

    const UNITS: Units = [1, 0, 0, 0];

    fn who(team: &str, class: Class, weight: u32) -> Who {
        Who { team: team.into(), standing: Standing { class, weight } }
    }

    fn second(line: &mut Line, who: &Who, ticket: u64) {
        line.push(who, Entry { ticket, cost: Duration::from_secs(1), bytes: 1, units: UNITS });
    }

    fn served(line: &mut Line, count: usize) -> String {
        (0..count)
            .map_while(|_| {
                let (class, team) = line.next().map(|(class, team, _)| (class, team))?;
                line.serve(class, &team);
                team.chars().next()
            })
            .collect()
    }

    #[test]
    fn teams_take_turns_by_weight_and_who_comes_anew_is_next() {
        let mut line = Line::default();
        let (a, b, c) = (who("a", Class::Normal, 1), who("b", Class::Normal, 3), who("c", Class::Normal, 1));
        for ticket in 0..40 {
            second(&mut line, if ticket % 2 == 0 { &a } else { &b }, ticket);
        }
        let order = served(&mut line, 16);
        assert_eq!(order.matches('a').count(), 4, "{order}");
        assert_eq!(line.ahead(&c), Duration::ZERO, "nothing comes before who has had nothing");
        second(&mut line, &c, 100);
        assert_eq!(served(&mut line, 1), "c");
        assert!(line.ahead(&a) >= Duration::from_secs(16), "its own, and what the others have meanwhile");
    }

    #[test]
    fn classes_share_sixteen_to_four_to_one() {
        let mut line = Line::default();
        let all = [who("i", Class::Interactive, 1), who("n", Class::Normal, 9), who("b", Class::Batch, 99)];
        for ticket in 0..300 {
            second(&mut line, &all[(ticket % 3) as usize], ticket);
        }
        let order = served(&mut line, 84);
        let of = |name| order.matches(name).count();
        assert_eq!((of('i'), of('n'), of('b')), (64, 16, 4), "{order}");
        assert_eq!(served(&mut line, 1000).len(), 216, "and in the end everybody");
        assert!(line.is_empty() && line.bytes() == 0);
    }

    #[test]
    fn a_full_line_is_made_room_in_by_who_has_most_of_it() {
        let mut line = Line::default();
        let (flood, small) = (who("flood", Class::Normal, 1), who("small", Class::Normal, 1));
        for ticket in 0..5 {
            second(&mut line, &flood, ticket);
        }
        let cost = Duration::from_secs(1);
        assert_eq!(line.most(&flood, cost), None, "nobody makes room for itself");
        let last = line.most(&small, cost).unwrap();
        assert_eq!(last.ticket, 4, "its last one goes");
        assert!(line.remove(last.class, &last.team, last.ticket).is_some());
        assert_eq!(line.len(), 4);
        assert_eq!(line.most(&small, Duration::from_secs(4)), None, "nor for who wants more than it has");
    }

    #[test]
    fn what_was_taken_from_others_beyond_what_was_thought_is_counted_and_what_was_not_is_not_saved_up() {
        let mut line = Line::default();
        let (a, b) = (who("a", Class::Normal, 1), who("b", Class::Normal, 1));
        for ticket in 0..20 {
            second(&mut line, if ticket % 2 == 0 { &a } else { &b }, ticket);
        }
        let beside = line.beside(Class::Normal, "a");
        assert_eq!(beside, Beside { classes: false, teams: true });
        assert_eq!(served(&mut line, 1), "a");
        line.correct((Class::Normal, "a"), beside, Duration::from_secs(1), Duration::from_secs(5));
        assert_eq!(served(&mut line, 6), "bbbbba");
        line.correct((Class::Normal, "a"), beside, Duration::from_secs(3600), Duration::ZERO);
        let order = served(&mut line, 6);
        assert!(order.contains('b'), "an hour that was not used is not owed: {order}");
    }

    #[test]
    fn what_was_taken_while_nobody_waited_is_not_owed() {
        let mut line = Line::default();
        let (a, b) = (who("a", Class::Normal, 1), who("b", Class::Normal, 1));
        line.pass(&a, Duration::from_secs(1));
        line.correct((Class::Normal, "a"), Beside::default(), Duration::from_secs(1), Duration::from_secs(3600));
        for ticket in 0..20 {
            second(&mut line, if ticket % 2 == 0 { &a } else { &b }, ticket);
        }
        assert_eq!(served(&mut line, 4), "baba");
    }
}
