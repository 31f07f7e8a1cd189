//! Signed requests of any shape are read or refused, and no signature is guessed.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    tallygate_fuzz::signature(data);
});
