//! The allocator, where the system's is slow.

/// musl's takes up to a third of a short run's time. Nothing is ever unloaded there, which mimalloc does not
/// bear (RATIONALE.md).
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
