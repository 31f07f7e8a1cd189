//! Requests in openai_responses: read without panic, and what is read can be written in every dialect.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tg_dialect::dialects::openai_responses::OpenaiResponses;

fuzz_target!(|data: &[u8]| {
    tallygate_fuzz::request(&OpenaiResponses, data);
});
