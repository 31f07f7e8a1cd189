//! Proofs of an IAM identity of any shape are read or refused; nothing but GetCallerIdentity is ever asked.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    tallygate_fuzz::identity_proof(data);
});
