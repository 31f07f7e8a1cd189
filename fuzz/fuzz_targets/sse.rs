//! Server-sent events: any bytes, torn anywhere, give the same events.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    tallygate_fuzz::sse(data);
});
