//! Personal data in any text: no panic, findings in order and on character boundaries.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| tallygate_fuzz::pii(data));
