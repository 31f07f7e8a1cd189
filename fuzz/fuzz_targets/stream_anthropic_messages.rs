//! Streamed answers in anthropic_messages: any bytes, torn anywhere, give the same events, relayed or read.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tg_dialect::dialects::anthropic_messages::AnthropicMessages;

fuzz_target!(|data: &[u8]| {
    tallygate_fuzz::stream(&AnthropicMessages, data);
});
