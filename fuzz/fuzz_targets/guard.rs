//! Rules on answers that come in pieces: what leaves is what leaves of the whole answer.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| tallygate_fuzz::guard(data));
