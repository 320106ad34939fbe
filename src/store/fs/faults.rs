//! Where tests make the file system fail: every change that forum makes to a disk asks here first.
//!
//! Outside of tests each question compiles to nothing. It exists because the promise "a failure or a kill
//! at any moment" can only be shown by failing at every moment once.

#[cfg(not(test))]
#[inline]
#[expect(clippy::unnecessary_wraps, reason = "the variant for tests fails")]
pub(super) fn step() -> std::io::Result<()> {
    Ok(())
}

#[cfg(not(test))]
#[inline]
pub(super) const fn exchange_is_missing() -> bool {
    false
}

#[cfg(not(test))]
#[inline]
pub(super) const fn is_elsewhere(_: &std::path::Path) -> bool {
    false
}

#[cfg(test)]
pub(super) use injected::{exchange_is_missing, is_elsewhere, step};

#[cfg(test)]
pub(super) mod injected {
    //! The switches, one set for each test thread.

    use std::cell::{Cell, RefCell};
    use std::path::Path;

    /// What happens at the chosen change.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) enum Fault {
        /// This change fails, later ones work.
        Once,
        /// This change and all later ones fail, as if the process were gone.
        Kill,
    }

    thread_local! {
        static PLAN: Cell<Option<(Fault, u32)>> = const { Cell::new(None) };
        static COUNT: Cell<u32> = const { Cell::new(0) };
        static NO_EXCHANGE: Cell<bool> = const { Cell::new(false) };
        static ELSEWHERE: RefCell<Option<String>> = const { RefCell::new(None) };
        static MEDDLER: RefCell<Option<Box<dyn Fn()>>> = const { RefCell::new(None) };
    }

    /// Arms a fault at the change number `at`, counted from 0.
    pub(crate) fn arm(fault: Fault, at: u32) {
        COUNT.set(0);
        PLAN.set(Some((fault, at)));
    }

    /// Disarms, and says whether the fault was met.
    pub(crate) fn disarm() -> bool {
        PLAN.take().is_some_and(|(_, at)| COUNT.get() > at)
    }

    /// Behaves as a file system that cannot exchange two entries.
    pub(crate) fn without_exchange(missing: bool) {
        NO_EXCHANGE.set(missing);
    }

    /// Treats directories of this name as lying on another file system.
    pub(crate) fn elsewhere(name: Option<&str>) {
        ELSEWHERE.set(name.map(str::to_owned));
    }

    /// Does this before each change, as somebody who goes on working in the same place.
    pub(crate) fn meddle(with: Option<Box<dyn Fn()>>) {
        MEDDLER.set(with);
    }

    pub(crate) fn step() -> std::io::Result<()> {
        MEDDLER.with_borrow(|meddler| meddler.iter().for_each(|meddle| meddle()));
        let Some((fault, at)) = PLAN.get() else { return Ok(()) };
        let now = COUNT.get();
        COUNT.set(now + 1);
        if now == at || (fault == Fault::Kill && now > at) { Err(std::io::Error::other("injected")) } else { Ok(()) }
    }

    pub(crate) fn exchange_is_missing() -> bool {
        NO_EXCHANGE.get()
    }

    pub(crate) fn is_elsewhere(path: &Path) -> bool {
        ELSEWHERE.with_borrow(|name| name.as_ref().is_some_and(|name| path.iter().any(|part| part == name.as_str())))
    }
}
