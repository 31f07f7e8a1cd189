//! Any text as a part of an office file or a page of a PDF.
#![no_main]

mod tolerance;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    tolerance::tolerate_libraries();
    tallygate_fuzz::document_parts(data);
});
