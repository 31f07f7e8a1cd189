//! Streamed answers in openai_responses: any bytes, torn anywhere, give the same events, relayed or read.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tg_dialect::dialects::openai_responses::OpenaiResponses;

fuzz_target!(|data: &[u8]| {
    tallygate_fuzz::stream(&OpenaiResponses, data);
});
