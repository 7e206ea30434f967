//! What the host or the caller did wrong. Guests never cause one of these.

use std::borrow::Cow;
use std::fmt;

macro_rules! error_codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// Stable names of host faults; they cross to JavaScript as `WasiexecError.code`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ErrorCode {
            $($(#[$doc])* $variant,)*
        }

        impl ErrorCode {
            /// Every code, in declaration order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name that JavaScript sees.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

error_codes! {
    /// The bytes are neither a valid Wasm module or component nor WAT text.
    InvalidWasm = "ERR_INVALID_WASM",
    /// The program needs something that this version does not run (threads, for example).
    UnsupportedWasm = "ERR_UNSUPPORTED_WASM",
    /// An import that the host does not provide.
    UnresolvedImport = "ERR_UNRESOLVED_IMPORT",
    /// No `_start` and no start section, or no `wasi:cli/run`.
    NoEntryPoint = "ERR_NO_ENTRY_POINT",
    /// An option is of the wrong shape or range.
    InvalidOption = "ERR_INVALID_OPTION",
    /// A preopened host directory cannot be opened.
    Preopen = "ERR_PREOPEN",
    /// The program's file cannot be read.
    ReadFailed = "ERR_READ_FAILED",
    /// A precompiled program, loaded without saying that it is trusted.
    PrecompiledUntrusted = "ERR_PRECOMPILED_UNTRUSTED",
    /// A precompiled program whose bytes have changed since it was written.
    PrecompiledDamaged = "ERR_PRECOMPILED_DAMAGED",
    /// A precompiled program of another version, machine or setting.
    PrecompiledIncompatible = "ERR_PRECOMPILED_INCOMPATIBLE",
    /// The runtime is closed.
    RuntimeClosed = "ERR_RUNTIME_CLOSED",
    /// A thread would have to wait for a run inside another run on that thread.
    NestedRun = "ERR_NESTED_RUN",
    /// A call of a function that is not exported, or with other arguments than it takes.
    InvalidCall = "ERR_INVALID_CALL",
    /// A call of an instance that has ended, or has been ended by an earlier call.
    InstanceOver = "ERR_INSTANCE_OVER",
    /// An instance was used on the calling thread while a call of it is in progress or waits.
    InstanceBusy = "ERR_INSTANCE_BUSY",
    /// Memory of an instance that is not there.
    OutOfBounds = "ERR_OUT_OF_BOUNDS",
    /// The worker process that had the run died.
    WorkerDied = "ERR_WORKER_DIED",
    /// The operating system refused memory, threads, processes or address space.
    OutOfResources = "ERR_OUT_OF_RESOURCES",
    /// A snapshot that cannot be taken.
    Snapshot = "ERR_SNAPSHOT",
    /// A bug in wasiexec.
    Internal = "ERR_INTERNAL",
}

const MAX_MESSAGE: usize = 8 << 10;

/// A host fault: a stable code and a message that names what is at fault.
#[derive(Clone, Debug)]
pub struct Error {
    code: ErrorCode,
    message: Cow<'static, str>,
}

/// The result of operations that can fail on the host's side.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// A fault of the given kind.
    ///
    /// Messages quote programs and options, so they are cut at a length beyond which nobody would read.
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        let mut message = message.into();
        if message.len() > MAX_MESSAGE {
            let end = message.floor_char_boundary(MAX_MESSAGE);
            message = format!("{}…", &message[..end]).into();
        }
        Self { code, message }
    }

    /// A broken invariant of our own.
    pub fn internal(what: impl fmt::Display) -> Self {
        Self::new(
            ErrorCode::Internal,
            format!("{what} (this is a bug in wasiexec, please report it)"),
        )
    }

    /// A panic that was caught.
    pub fn from_panic(payload: &(dyn std::any::Any + Send)) -> Self {
        let text = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("a panic without a message");
        Self::internal(format_args!("internal panic: {text}"))
    }

    /// The stable code.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// The message, without the code.
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// The error for a request to a closed runtime.
pub(crate) fn closed() -> Error {
    Error::new(ErrorCode::RuntimeClosed, "the runtime is closed")
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.message)
    }
}

impl std::error::Error for Error {}
