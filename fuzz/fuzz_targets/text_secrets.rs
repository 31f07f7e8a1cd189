//! Credentials in a text: any bytes, read as text; findings are whole characters, in order, and apart.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    tallygate_fuzz::text_secrets(data);
});
