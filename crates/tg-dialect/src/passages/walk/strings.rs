//! What strings, numbers and names are, where the walk has come to them.

use super::super::claims::Claims;
use super::super::leaf::{self, Leaf, leaf};
use super::super::sealed::{self, Seal};
use super::super::{Form, MediumKind, nested, numerals, stray, words};
use super::{Here, Walk};
use crate::tape::Node;
use std::borrow::Cow;
use tg_kernel::passage::Channel;

/// Numbers of fewer digits tell nothing about anybody.
const DIGITS_MIN: usize = 6;

/// Nor do those of a measure, up to so many: a seed, a share of one.
const MEASURE_DIGITS_MAX: usize = 12;

impl<'a> Walk<'_, 'a> {
    pub(super) fn string(&mut self, node: Node<'_, 'a>, here: Here<'_>) {
        let text = node.text();
        if here.free {
            // What decoders decode is read as they do; of a stream, what comes piece by piece is read as it comes.
            let is_whole = here.channel == Channel::ToolArguments && !here.grows;
            let plain = if self.is_answer { nested::read } else { nested::plain };
            return match is_whole.then(|| plain(&text)).flatten() {
                Some(plain) => self.text(node, Cow::Owned(plain), Form::Json, here),
                None if is_whole && nested::is_json(&text, self.is_answer) => self.text(node, text, Form::Json, here),
                None => self.text(node, text, Form::Text, here),
            };
        }
        let leaf = match sealed::of(here.name, (here.channel, here.seals, self.is_answer), &text) {
            Some(Seal::Whole) => Leaf::Quiet,
            Some(Seal::Short) if !self.is_answer => Leaf::Label,
            Some(_) => Leaf::Text,
            None if here.is_plain && here.name == "data" => Leaf::Text,
            None if (here.chooses || self.is_answer) && leaf::is_chosen(here.name, &text) => {
                if !self.is_answer && !leaf::is_name(&text) {
                    self.found.names.push(text);
                }
                return;
            }
            None => match leaf(here.name, here.claims, &text) {
                Leaf::Text if !words::is_medium(here.name) => stray::leaf(here.name, here.channel, here.claims, &text),
                leaf => leaf,
            },
        };
        match leaf {
            Leaf::Quiet => {}
            Leaf::Label => self.label(node, here),
            Leaf::Text => self.text(node, text, Form::Text, here),
            Leaf::Encoded { text, form } => self.encoded(node, text, form, here),
            Leaf::Both { text: said, form, claims } => {
                if !self.is_word(&text, claims) {
                    self.bytes(node, claims, here);
                }
                self.encoded(node, said, form, here);
            }
            Leaf::Medium(claims) => self.bytes(node, told_by(claims, &text), here),
            Leaf::Perhaps(claims) => {
                if !self.is_word(&text, claims) {
                    self.bytes(node, claims, here);
                }
                self.text(node, text, Form::Text, here);
            }
            Leaf::Reference => {
                self.medium(node, MediumKind::Reference, here);
                self.label(node, here);
            }
            Leaf::Address => {
                self.medium(node, MediumKind::Reference, here);
                self.text(node, text, Form::Text, here);
            }
        }
    }

    fn encoded(&mut self, node: Node<'_, 'a>, text: String, form: Form, here: Here<'_>) {
        let channel = if here.channel == Channel::User { Channel::Document } else { here.channel };
        self.text(node, Cow::Owned(text), form, Here { channel, ..here });
    }

    /// Whether what an answer has where bytes may stand is a word: it is short, and nothing says that it is anything else.
    fn is_word(&self, text: &str, claims: Claims) -> bool {
        self.is_answer && text.len() < leaf::MEDIUM_BYTES_SURE && !claims.say_what()
    }

    fn bytes(&mut self, node: Node<'_, 'a>, claims: Claims, here: Here<'_>) {
        claims.kinds().for_each(|kind| self.medium(node, kind, here));
    }

    pub(super) fn number(&mut self, node: Node<'_, 'a>, here: Here<'_>) {
        let digits = node.raw().iter().filter(|b| b.is_ascii_digit()).count();
        if here.free {
            if digits >= DIGITS_MIN {
                self.text(node, numerals::text(node), Form::Text, here);
            }
        } else if self.is_answer {
            // Vectors are no identifiers.
            if digits >= MEASURE_DIGITS_MAX && numerals::text(node).bytes().all(|byte| byte.is_ascii_digit()) {
                self.label(node, here);
            }
        } else if digits >= if words::is_measure(here.name) { MEASURE_DIGITS_MAX } else { DIGITS_MIN } {
            self.label(node, here);
        }
    }

    /// Whether values that are no texts are told.
    pub(super) const fn reads_labels(&self) -> bool {
        !self.is_answer || self.is_unknown
    }

    /// A value that is no text: of an answer it is what its provider made, where that has a name for it.
    pub(super) fn label(&mut self, node: Node<'_, 'a>, here: Here<'_>) {
        if !self.reads_labels() {
            return;
        }
        let texts = self.found.texts.len();
        let here = Here { channel: Channel::Metadata, grows: false, leads: false, ..here };
        self.text(node, numerals::text(node), Form::Text, here);
        if !self.is_answer {
            self.found.labels.extend(self.found.texts.drain(texts..));
        }
    }
}

/// What is claimed of bytes, or else what they say themselves.
fn told_by(claims: Claims, text: &str) -> Claims {
    let kind = if claims.say_what() { None } else { stray::kind(text) };
    kind.map_or(claims, |kind| claims.of_bytes(kind))
}
