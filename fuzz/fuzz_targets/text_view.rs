//! The view of a text: any bytes, read as text, and each place of each reading leads back.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    tallygate_fuzz::text_view(data);
});
