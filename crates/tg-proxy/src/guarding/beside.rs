//! Texts beside the body that reach providers with it: the call's tags, and headers of its request.

use crate::prepare::metadata::HEADER;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::borrow::Cow;
use tg_kernel::fault::Fault;
use tg_kernel::passage::Channel;
use tg_policy::guard::{Guard, Inquiry, Said, Way};
use tg_upstream::headers::{is_clients_own, request_passes};

/// All of them, each a text by itself: nobody reads them as one.
#[derive(Clone, Debug, Default)]
pub(super) struct Beside {
    /// The call's tags.
    pub(super) tags: Vec<String>,
    headers: Vec<(HeaderName, String)>,
    /// Whether the headers are others than those that came.
    is_changed: bool,
}

impl Beside {
    /// Those of a call. A header that is no text cannot be checked, and goes. So does one in which a client tells of itself,
    /// if a rule has anything against it: a version may look like an address, and is no reason to refuse a call.
    pub(super) fn of(tags: &[String], headers: &HeaderMap, guard: &Guard) -> Self {
        let mut beside = Self { tags: tags.to_vec(), ..Self::default() };
        for (name, value) in headers.iter().filter(|(name, _)| passes(name)) {
            match std::str::from_utf8(value.as_bytes()) {
                Ok(text) if !is_clients_own(name) || is_clean(text, guard) => {
                    beside.headers.push((name.clone(), text.to_owned()));
                }
                _ => beside.is_changed = true,
            }
        }
        // First what is a text of the call's own, and not only of its protocol.
        beside.headers.sort_by_key(|(name, _)| name != HEADER);
        beside
    }

    /// The texts that are to be judged: tags first.
    pub(super) fn texts(&self) -> impl Iterator<Item = &String> {
        self.tags.iter().chain(self.headers.iter().filter(|(name, _)| !is_clients_own(name)).map(|(_, text)| text))
    }

    /// How many of them services outside are asked about: tags and metadata. Other headers are new with each call.
    pub(super) fn asked(&self) -> usize {
        self.tags.len() + self.headers.iter().filter(|(name, _)| name == HEADER).count()
    }

    /// Another text is to stand in place of one.
    pub(super) fn say(&mut self, index: usize, text: String) {
        let tags = self.tags.len();
        let headers = self.headers.iter_mut().filter(|(name, _)| !is_clients_own(name)).map(|(_, text)| text);
        if let Some(own) = self.tags.iter_mut().chain(headers).nth(index) {
            *own = text;
            self.is_changed |= index >= tags;
        }
    }

    /// Puts the headers in place of those that came.
    ///
    /// # Errors
    /// A defect: what the gateway writes in place of a value is no header.
    pub(super) fn put(&self, headers: &mut HeaderMap) -> Result<(), Fault> {
        if !self.is_changed {
            return Ok(());
        }
        let came: Vec<HeaderName> = headers.keys().filter(|name| passes(name)).cloned().collect();
        for name in came {
            headers.remove(name);
        }
        for (name, text) in &self.headers {
            headers.append(name, HeaderValue::from_bytes(text.as_bytes()).map_err(Fault::internal)?);
        }
        Ok(())
    }
}

/// Whether what the caller writes there reaches a provider: the type of the body is told anew.
fn passes(name: &HeaderName) -> bool {
    request_passes(name) && *name != CONTENT_TYPE
}

/// Whether no rule finds anything that it would not let go. It is not told: the call is not about it.
fn is_clean(text: &str, guard: &Guard) -> bool {
    let said = Said { channel: Channel::Metadata, turn: 0, text: Cow::Borrowed(text) };
    let verdict = guard.judge(Way::Input, &[said], &[], &mut Inquiry::default());
    verdict.block.is_none() && verdict.route.is_none() && verdict.edits.is_empty()
}
