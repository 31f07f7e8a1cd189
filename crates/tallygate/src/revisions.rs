//! Revisions of the configuration in the store: the newest one, put together with the local file, and how it is followed.

mod copy;
mod follow;
mod standing;

pub use follow::Following;
pub use standing::Standing;

use crate::commands::terminal;
use crate::place;
use crate::process::roots;
use crate::source::Loaded;
use anyhow::{Context as _, Result, anyhow, bail};
use copy::LocalCopy;
use serde_json::{Map, Value, json};
use tg_config::document::{Document, Store as Declared};
use tg_config::grammar::Period;
use tg_config::secrets::{Secrets, resolve_secrets, resolve_store_secrets};
use tg_config::start::StartFile;
use tg_store::Store;
use tg_store::revision::{Revision, RevisionHead, Revisions};

/// The revision that a configuration was taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenFrom {
    /// The revision.
    pub head: RevisionHead,
    /// Whether an older one is in force than the store has, as the newest cannot be used here.
    pub is_behind: bool,
}

/// A revision's name in messages.
pub(crate) fn name(head: &RevisionHead) -> String {
    format!("revision {}", head.number)
}

/// A revision as it travels, without its text. Absent members are left out.
pub(crate) fn shown(head: &RevisionHead) -> Map<String, Value> {
    let all = [
        ("number", json!(head.number)),
        ("at", json!(head.at.to_string())),
        ("author", json!(head.author)),
        ("note", json!(head.note)),
        ("sha256", json!(head.digest)),
        ("replaces", json!(head.replaces)),
        ("restores", json!(head.restores)),
    ];
    all.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The whole configuration that a revision makes here, without its secrets.
///
/// # Errors
/// Every problem at once; when the revision's text is damaged.
pub(crate) fn join(start: &StartFile, revision: &Revision) -> Result<Document> {
    if !revision.is_whole() {
        bail!("{}", is_damaged(&revision.head));
    }
    Ok(start.with(&name(&revision.head), &revision.text)?)
}

/// The whole configuration that a revision makes here, ready to take effect.
///
/// # Errors
/// Every problem at once, as far as one step can see them.
pub(crate) fn load(start: &StartFile, revision: &Revision) -> Result<Loaded> {
    let document = join(start, revision)?;
    let secrets = resolve_secrets(&document, &environment)?;
    let loaded = Loaded::compile(document, secrets)?;
    Ok(Loaded { revision: Some(TakenFrom { head: revision.head.clone(), is_behind: false }), ..loaded })
}

/// What a text would make here as the next revision; `elsewhere`: its secrets are on other machines.
///
/// # Errors
/// Every problem at once, as far as one step can see them.
pub(crate) fn try_out(start: &StartFile, origin: &str, text: &str, elsewhere: bool) -> Result<Loaded> {
    let document = start.with(origin, text)?;
    let secrets = if elsewhere { Secrets::standing_in(&document) } else { resolve_secrets(&document, &environment)? };
    Loaded::compile(document, secrets)
}

/// Opens the store of a start file for a command, which does not wait for a database that is away.
///
/// # Errors
/// When the store, or a secret that it needs, cannot be used.
pub(crate) fn open(start: &StartFile) -> Result<Revisions> {
    Ok(place::open_for_revisions(start.document())?.revisions()?)
}

/// The newest revision, for a command; `None` where there is none, or no store yet. Its text may be damaged.
///
/// # Errors
/// As [`open`].
pub(crate) fn newest(start: &StartFile) -> Result<Option<Revision>> {
    let declared = &start.document().store;
    if declared.url.is_none() && !declared.path().exists() {
        return Ok(None);
    }
    Ok(open(start)?.newest_as_it_is()?)
}

/// What to do where there is no revision yet.
pub(crate) fn none_yet(start: &StartFile) -> anyhow::Error {
    anyhow!(
        "{}: `store.revisions` is `follow`, and the store has no revision of the configuration yet; push the first: \
         tallygate config push FILE --config {0}",
        start.origin()
    )
}

/// What a start takes from the store, and what follows its revisions from then on. A database that is away is waited
/// for as long as the file says. Where the newest revision cannot be used here, the one that was in force last is, from
/// this machine's copy.
///
/// # Errors
/// When there is no store, no revision, or none that can be used.
pub(crate) fn begin(start: &StartFile) -> Result<(Loaded, Following)> {
    let store = open_patiently(start)?;
    let mut revisions = store.revisions()?;
    let copy = LocalCopy::beside(&start.document().store, store.place());
    let (newest, note) = mended(revisions.newest_as_it_is()?.ok_or_else(|| none_yet(start))?, &copy);
    let (loaded, refused) = match load(start, &newest) {
        Ok(loaded) => (Loaded { notes: note.into_iter().chain(loaded.notes).collect(), ..loaded }, None),
        Err(error) => {
            let told = format!("{error:#}");
            (older(start, &copy, &newest.head, error)?, Some(told))
        }
    };
    let in_force = loaded.revision.as_ref().map(|taken| taken.head.clone());
    let standing = Standing::new(newest, in_force, refused);
    Ok((loaded, Following::start(revisions, standing, copy)?))
}

/// The newest revision: where its text is damaged in the store, with that of this machine's copy, if it has one of the same
/// revision. Else it stays as it is, and cannot be loaded.
fn mended(newest: Revision, copy: &LocalCopy) -> (Revision, Option<String>) {
    if newest.is_whole() {
        return (newest, None);
    }
    match copy.read().filter(|kept| kept.head == newest.head) {
        Some(kept) => {
            let note = format!("{}; this machine's copy of it is whole, and is used", is_damaged(&kept.head));
            (kept, Some(note))
        }
        None => (newest, None),
    }
}

fn is_damaged(head: &RevisionHead) -> String {
    format!(
        "the text of {} is damaged in the store (its SHA-256 differs); put it there once more by `tallygate config push`",
        name(head)
    )
}

/// The revision that was in force here last, in the place of one that cannot be.
fn older(start: &StartFile, copy: &LocalCopy, newest: &RevisionHead, why: anyhow::Error) -> Result<Loaded> {
    let kept = copy.read().filter(|kept| kept.head != *newest);
    let Some((kept, loaded)) = kept.and_then(|kept| load(start, &kept).ok().map(|loaded| (kept, loaded))) else {
        return Err(why.context(format!("{} cannot be used here", name(newest))));
    };
    let note =
        format!("{} cannot be used here, and {}, which was in force last, is: {why:#}", name(newest), name(&kept.head));
    let notes = [vec![note], loaded.notes].concat();
    Ok(Loaded { revision: Some(TakenFrom { head: kept.head, is_behind: true }), notes, ..loaded })
}

fn open_patiently(start: &StartFile) -> Result<Store> {
    let Document { store: declared, .. } = start.document();
    let secrets = resolve_store_secrets(start.document(), &environment)?;
    let at_once = Declared { start_wait: Period::seconds(0), ..declared.clone() };
    match place::open(&at_once, secrets.password.as_ref(), roots) {
        Err(error) if place::is_passing(&error) && !declared.start_wait.get().is_zero() => {
            // There is no log before there is a configuration.
            terminal::warn(format_args!("{error:#}; the start waits for it, for {}", declared.start_wait));
            place::open(declared, secrets.password.as_ref(), roots)
        }
        opened => opened,
    }
    .context("the configuration is in the store (`store.revisions: follow`)")
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
