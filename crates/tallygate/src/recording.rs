//! The recording of guarded calls: from the document to who writes them.

use anyhow::{Context as _, Result};
use std::sync::Arc;
use tg_config::document::Document;
use tg_kernel::clock::Clock;
use tg_proxy::recording::{Recorder, Settings};

/// Starts to record, where the document says so.
///
/// # Errors
/// When the folder cannot be used.
pub(crate) fn start(document: &Document, clock: &Arc<dyn Clock>) -> Result<Option<Recorder>> {
    let Some(declared) = &document.recording else { return Ok(None) };
    let settings = Settings {
        folder: declared.folder.clone(),
        share: declared.share.get(),
        day_bytes_max: declared.day_size_max.bytes(),
        keep: declared.keep.get(),
    };
    let recorder = Recorder::start(settings, Arc::clone(clock));
    recorder.map(Some).with_context(|| format!("recording.folder: {} cannot be used", declared.folder.display()))
}
