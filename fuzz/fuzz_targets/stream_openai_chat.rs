//! Streamed answers in openai_chat: any bytes, torn anywhere, give the same events, relayed or read.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tg_dialect::dialects::openai_chat::OpenaiChat;

fuzz_target!(|data: &[u8]| {
    tallygate_fuzz::stream(&OpenaiChat::OPENAI, data);
});
