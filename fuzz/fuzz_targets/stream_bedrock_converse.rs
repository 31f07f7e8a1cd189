//! Streamed answers in bedrock_converse: any bytes, torn anywhere, give the same events, relayed or read.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tg_dialect::dialects::bedrock_converse::BedrockConverse;

fuzz_target!(|data: &[u8]| {
    tallygate_fuzz::stream(&BedrockConverse, data);
});
