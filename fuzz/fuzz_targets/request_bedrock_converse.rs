//! Requests in bedrock_converse: read without panic, and what is read can be written in every dialect.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tg_dialect::dialects::bedrock_converse::BedrockConverse;

fuzz_target!(|data: &[u8]| {
    tallygate_fuzz::request(&BedrockConverse, data);
});
