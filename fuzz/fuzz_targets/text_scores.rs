//! Trained scores: any bytes, read as text, have scores in bounds, and spans within the text.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    tallygate_fuzz::text_scores(data);
});
