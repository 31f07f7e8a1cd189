//! Streamed answers in bedrock_invoke: any bytes, torn anywhere, give the same events, relayed or read.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tg_dialect::dialects::bedrock_invoke::BedrockInvoke;

fuzz_target!(|data: &[u8]| {
    tallygate_fuzz::stream(&BedrockInvoke, data);
});
