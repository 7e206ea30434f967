//! The end of this process.

/// Ends this process at once.
#[cfg(unix)]
pub(crate) fn end_process() {
    use rustix::process::{Signal, getpid, kill_process};
    // Nothing is left to be done, and threads of ours may be in the middle of anything.
    let _ = kill_process(getpid(), Signal::KILL);
}

/// Ends this process at once.
#[cfg(windows)]
pub(crate) fn end_process() {
    use windows_sys::Win32::System::Threading::{GetCurrentProcess, TerminateProcess};
    // SAFETY: the pseudo handle of the current process is always valid; nothing runs after this.
    unsafe { TerminateProcess(GetCurrentProcess(), 1) };
}
