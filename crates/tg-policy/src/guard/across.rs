//! What stands in the texts of one turn: in each, in all together, and over the places where they meet.

use super::Said;
use super::detector::Reading;
use super::found::{Found, Known};
use super::inquiry::Inquiry;
use super::joined::{Group, Joined};
use super::judge::Guard;
use super::plan::{self, Plan};
use super::spent::Spent;
use std::borrow::Cow;
use std::collections::BTreeSet;
use tg_kernel::passage::Channel;
use tg_text::finding::{Finding, Kind};
use tg_text::rules::Leak;
use tg_text::span::Span;

impl Guard {
    /// What the checks of a group find, in the text that its texts make together, and whether all of that could be read.
    pub(super) fn look(
        &self,
        said: &[Said<'_>],
        group: &Group,
        joined: &Joined<'_>,
        plan: &Plan,
        inquiry: &mut Inquiry,
    ) -> (Vec<Found>, bool) {
        let mut found = Vec::new();
        let mut is_complete = true;
        let (leaks, spent) = (&*inquiry.leaks, &mut inquiry.spent_by);
        let whole = Span::new(0, joined.text.len());
        let custom = |rule: usize| {
            let ready = self.rules().get(rule)?;
            let finding = Finding { kind: Kind::Custom, rule: Cow::Borrowed(ready.check), span: whole, score: 1.0 };
            Some(Found::new(finding, rule, ready))
        };
        let reads = !plan.stretches.is_empty() || !plan.blocks.is_empty();
        if reads {
            let reading = Reading::of(&joined.text);
            is_complete = reading.is_complete();
            plan::find(&plan.stretches, self.rules(), &reading, (leaks, &mut *spent), &mut found);
            plan::find(&plan.blocks, self.rules(), &reading, (leaks, &mut *spent), &mut found);
        }
        // The members of what a program wrote are not read as one text; what people write may be cut anywhere.
        let is_prose = !matches!(group.channel, Channel::ToolArguments | Channel::Definition | Channel::Metadata);
        if reads && is_prose && group.members.len() > 1 {
            let mut is_scattered = false;
            for (nth, members) in ways(&group.members, &inquiry.asides).into_iter().enumerate() {
                let alone = found.len();
                let direct = Joined::of(said, &members, "");
                if !direct.meet_in_a_line() {
                    continue;
                }
                is_complete &= self.look_across(&direct, joined, plan, (leaks, &mut *spent), &mut found);
                if !plan.stretches.is_empty() {
                    let (runs, are_all) = direct.runs(&mut inquiry.runs);
                    is_complete &= are_all;
                    let before = found.len();
                    self.look_at_runs((&direct, runs), joined, plan, (leaks, &mut *spent), &mut found);
                    is_scattered |= found.len() > before;
                }
                is_scattered |= nth > 0 && found.len() > alone;
            }
            inquiry.is_scattered |= is_scattered;
        }
        if !plan.lengths.is_empty() {
            let texts = group.members.iter().filter_map(|index| said.get(*index));
            let characters: usize = texts.map(|one| one.text.chars().count()).sum();
            let beyond = plan.lengths.iter().filter(|(_, most)| characters > *most);
            found.extend(beyond.filter_map(|(rule, _)| custom(*rule)));
        }
        (found, is_complete)
    }

    /// What is split over texts that meet within a line; whether all of it could be read.
    fn look_across(
        &self,
        direct: &Joined<'_>,
        joined: &Joined<'_>,
        plan: &Plan,
        (leaks, spent): (&[(usize, Leak)], &mut Spent),
        found: &mut Vec<Found>,
    ) -> bool {
        let reading = Reading::of(&direct.text);
        let (mut stretches, mut blocks) = (Vec::new(), Vec::new());
        plan::find(&plan.stretches, self.rules(), &reading, (leaks, &mut *spent), &mut stretches);
        plan::find(&plan.blocks, self.rules(), &reading, (leaks, &mut *spent), &mut blocks);
        stretches.retain(|one| direct.crosses(one.finding.span));
        blocks
            .retain(|one| !found.iter().any(|known| known.rule == one.rule && known.finding.rule == one.finding.rule));
        let known = Known::of(found);
        for one in stretches.into_iter().chain(blocks) {
            let places = direct.in_other(one.finding.span, joined).into_iter();
            found.extend(places.map(|span| one.at(span)).filter(|part| !known.has(part)));
        }
        reading.is_complete()
    }

    /// What is split over a few texts that letters of others touch.
    fn look_at_runs(
        &self,
        (direct, runs): (&Joined<'_>, Vec<Span>),
        joined: &Joined<'_>,
        plan: &Plan,
        (leaks, spent): (&[(usize, Leak)], &mut Spent),
        found: &mut Vec<Found>,
    ) {
        let known = Known::of(found);
        // The same of a run and of one that begins beside it.
        let mut seen = BTreeSet::new();
        for run in runs {
            let reading = Reading::of(direct.text.get(run.range()).unwrap_or_default());
            let mut own = Vec::new();
            plan::find(&plan.stretches, self.rules(), &reading, (leaks, &mut *spent), &mut own);
            for one in own {
                let span = one.finding.span.moved(run.start);
                let places = direct.in_other(span, joined).into_iter().filter(|_| direct.crosses(span));
                let new = places.filter(|place| seen.insert((one.rule, place.start, place.end)));
                found.extend(new.map(|place| one.at(place)).filter(|part| !known.has(part)));
            }
        }
    }
}

/// In which ways texts are read that follow each other: all of them, and without those that may be no part of what is said, where
/// such stand between others.
fn ways(members: &[usize], asides: &BTreeSet<usize>) -> Vec<Vec<usize>> {
    let said: Vec<usize> = members.iter().copied().filter(|index| !asides.contains(index)).collect();
    let between = said.first().zip(said.last()).is_some_and(|(first, last)| {
        members.iter().any(|index| first < index && index < last && asides.contains(index))
    });
    if between { vec![members.to_vec(), said] } else { vec![members.to_vec()] }
}
