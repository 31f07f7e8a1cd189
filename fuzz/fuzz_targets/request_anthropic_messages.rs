//! Requests in anthropic_messages: read without panic, and what is read can be written in every dialect.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tg_dialect::dialects::anthropic_messages::AnthropicMessages;

fuzz_target!(|data: &[u8]| {
    tallygate_fuzz::request(&AnthropicMessages, data);
});
