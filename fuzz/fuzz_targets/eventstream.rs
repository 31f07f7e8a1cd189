//! AWS event-stream frames: any bytes, torn anywhere, give the same frames.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    tallygate_fuzz::eventstream(data);
});
