//! Code of libraries may break off.

use std::panic;
use std::sync::Once;

/// Ends the process where code that is not a library's breaks off.
pub fn tolerate_libraries() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let is_library = info.location().is_some_and(|place| place.file().contains("lopdf"));
            if !is_library {
                before(info);
                std::process::abort();
            }
        }));
    });
}
