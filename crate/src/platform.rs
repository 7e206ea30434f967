//! What differs between operating systems, apart from standard streams and the sockets of workers.

mod cpu_clock;
mod end_process;
#[cfg(unix)]
mod hang_up;
mod huge_pages;
mod private_file;
mod read_at;
mod thread_priority;
mod written_pages;

pub(crate) use cpu_clock::thread_nanos;
pub(crate) use end_process::end_process;
#[cfg(unix)]
pub(crate) use hang_up::wait_for_hang_up;
pub(crate) use huge_pages::use_huge_pages;
pub(crate) use private_file::{is_private, lock_file, make_folder, new_file, user_cache_folder};
pub(crate) use read_at::read_exact_at;
pub(crate) use thread_priority::lower_thread_priority;
pub(crate) use written_pages::{give_back, page_size, written_pages};
