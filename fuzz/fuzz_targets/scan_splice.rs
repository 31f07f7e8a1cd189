//! The scanner agrees with serde_json on what is JSON; the splice changes what it is told and nothing else.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    tallygate_fuzz::scan_splice(data);
});
