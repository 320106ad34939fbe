//! Ctrl-C: the first asks the run to stop at the next safe place and clean up, the second ends it at once.
//!
//! Safe places are those where nothing is half done: between pieces of what git says, between files that are staged,
//! before a change is decided. Once its journal is written a change is finished.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use crate::error::{Code, Failure};

static ASKED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// Listens for the signals that end a run. Where the system refuses, they end it at once as ever.
pub fn watch() {
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // In this order: the second signal finds the flag set by the first.
        let at_once = signal_hook::flag::register_conditional_shutdown(signal, Code::Interrupted.exit_status().into(), Arc::clone(&ASKED));
        if at_once.is_ok() {
            let _ = signal_hook::flag::register(signal, Arc::clone(&ASKED));
        }
    }
}

/// Whether the run should stop.
#[must_use]
pub fn is_asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}

/// Stops here, where that was asked for.
///
/// # Errors
/// [`Code::Interrupted`].
pub fn check() -> Result<(), Failure> {
    if is_asked() { Err(Failure::new(Code::Interrupted, "interrupted; the workspace is as it was")) } else { Ok(()) }
}
