//! Streams of any dialect at a gate with rules: what leaves does not depend on how the bytes come.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| tallygate_fuzz::gate(data));
