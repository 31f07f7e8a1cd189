//! Passages of requests, answers and frames: whatever they are, they can be said anew and leave JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| tallygate_fuzz::passages(data));
