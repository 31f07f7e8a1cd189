//! Chats at a time: a provider that bears only so many refuses the others.

use crate::books::Personality;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// How many chats go on, of each personality.
#[derive(Debug, Default)]
pub(crate) struct Chats([Arc<AtomicU32>; 5]);

impl Chats {
    /// Begins a chat, if no more than `most` go on then.
    pub(crate) fn begin(&self, personality: Personality, most: Option<u32>) -> Option<Chat> {
        let chat = Chat(Arc::clone(self.0.get(personality as usize)?));
        let before = chat.0.fetch_add(1, Ordering::SeqCst);
        most.is_none_or(|most| before < most).then_some(chat)
    }
}

/// A chat that goes on until this is dropped.
#[derive(Debug)]
pub(crate) struct Chat(Arc<AtomicU32>);

impl Drop for Chat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
