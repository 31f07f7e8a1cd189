//! Any bytes as a file: read the same way twice, within time and room.
#![no_main]

mod tolerance;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    tolerance::tolerate_libraries();
    tallygate_fuzz::document(data);
});
