//! Requests in openai_chat: read without panic, and what is read can be written in every dialect.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tg_dialect::dialects::openai_chat::OpenaiChat;

fuzz_target!(|data: &[u8]| {
    tallygate_fuzz::request(&OpenaiChat::OPENAI, data);
});
