//! Threads that give way to others.

/// With this, a thread gets a third of what it would get beside others of its process.
#[cfg(target_os = "linux")]
const NICE: i32 = 5;

/// Makes the calling thread give way to threads of normal priority. Best effort.
#[cfg(target_os = "linux")]
pub(crate) fn lower_thread_priority() {
    // Each thread has a priority of its own on Linux, which this lowers.
    let _ = rustix::process::nice(NICE);
}

/// Makes the calling thread give way to threads of normal priority. Best effort.
#[cfg(target_os = "macos")]
pub(crate) fn lower_thread_priority() {
    // SAFETY: the function takes numbers and changes the calling thread alone.
    unsafe {
        libc::pthread_set_qos_class_self_np(libc::qos_class_t::QOS_CLASS_UTILITY, 0);
    }
}

/// Makes the calling thread give way to threads of normal priority. Best effort.
#[cfg(windows)]
pub(crate) fn lower_thread_priority() {
    use windows_sys::Win32::System::Threading::{
        GetCurrentThread, SetThreadPriority, THREAD_PRIORITY_LOWEST,
    };
    // SAFETY: the handle of the calling thread is always valid.
    unsafe {
        SetThreadPriority(GetCurrentThread(), THREAD_PRIORITY_LOWEST);
    }
}
