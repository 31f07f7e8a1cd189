//! All built-in checks: any text loses what is found, and nothing else.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    tallygate_fuzz::text_checks(data);
});
