//! The allocator, where the system's is slow.

/// musl's takes a third of a short run's time. Nothing is ever unloaded there, so this one's threads may end late.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
