//! The numbers that cross, each written once: `src/protocol.ts` has them from here.

/// Numbers by name, for Rust as constants and for TypeScript as the object `$object`.
macro_rules! numbers {
    ($(#[$doc:meta])* $module:ident as $object:literal { $($(#[$number_doc:meta])* $NAME:ident = $value:literal as $name:literal,)* }) => {
        $(#[$doc])*
        pub(crate) mod $module {
            $(
                $(#[$number_doc])*
                pub(crate) const $NAME: u32 = $value;
            )*

            /// How many there are.
            pub(crate) const COUNT: usize = [$($value),*].len();

            // Some are for TypeScript alone.
            const _: [u32; COUNT] = [$($NAME),*];

            #[cfg(test)]
            pub(super) const TABLE: crate::port::wire::protocol::Table =
                crate::port::wire::protocol::Table {
                object: $object,
                numbers: &[$(($name, $value)),*],
            };
        }
    };
}

numbers! {
    /// Functions that no program imports, with numbers beyond those of all imports: they move the values of streams and
    /// futures.
    flow_function as "FLOW_FUNCTION" {
        /// The guest gives values: number, list; the result is a byte, 0 if nobody reads any more.
        GIVE = 0x100_0000 as "give",
        /// The guest gives no more: number.
        ENDED = 0x100_0001 as "ended",
        /// The guest wants values: number, how many at most; the result is a list, which is empty at the end.
        TAKE = 0x100_0002 as "take",
        /// The guest wants no more: number.
        LEFT = 0x100_0003 as "left",
        /// The guest has given it with a call that is not made: number.
        NOT_GIVEN = 0x100_0004 as "notGiven",
        /// The guest no longer waited for what a function has returned or thrown: the function's number, the number of the
        /// call, and what was returned, if something in it refers to more.
        UNWANTED = 0x100_0005 as "unwanted",
    }
}

// Those by which guests call them.
const _: () = {
    use crate::host_functions::flow_function as called;
    assert!(flow_function::GIVE == called::GIVE && flow_function::ENDED == called::ENDED);
    assert!(flow_function::TAKE == called::TAKE && flow_function::LEFT == called::LEFT);
    assert!(flow_function::NOT_GIVEN == called::NOT_GIVEN);
    assert!(flow_function::UNWANTED == called::UNWANTED);
};

numbers! {
    /// Kinds of operation.
    operation as "OPERATION" {
        /// A run: id, program handle, options, flags, batch or 0.
        RUN = 1 as "run",
        /// Aborts a run: id.
        ABORT = 2 as "abort",
        /// Releases the handle of a program, whose runs go on: handle.
        RELEASE = 3 as "release",
        /// Releases the handle of a program and aborts its runs: handle.
        DISPOSE = 4 as "dispose",
        /// More stdin of a run: id, bytes.
        STDIN_CHUNK = 5 as "stdinChunk",
        /// The end of stdin of a run: id.
        STDIN_END = 6 as "stdinEnd",
        /// Output of a run was taken: id, stream; the offset is a number of bytes.
        OUTPUT_TAKEN = 7 as "outputTaken",
        /// The reader of an output of a run is gone: id, stream.
        OUTPUT_CLOSED = 8 as "outputClosed",
        /// Output of a run goes into the stdin of another: id, stream; the offset is the other run, or 0 to end that.
        OUTPUT_RELAYED = 17 as "outputRelayed",
        /// Opens a batch: batch, concurrency, the options that its runs share.
        OPEN_BATCH = 9 as "openBatch",
        /// Aborts the runs of a batch: batch.
        ABORT_BATCH = 10 as "abortBatch",
        /// No more runs of a batch follow: batch.
        CLOSE_BATCH = 11 as "closeBatch",
        /// Output of a batch was read: batch, bytes.
        BATCH_READ = 12 as "batchRead",
        /// Gives back all runs that have not started; from a pool to its workers alone.
        RECALL = 13 as "recall",
        /// A host function has returned: run, number of the call; the bytes are its values.
        HOST_RETURN = 30 as "hostReturn",
        /// A host function has thrown: run, number of the call.
        HOST_THROW = 31 as "hostThrow",
        /// Reads memory of a run that waits for a host function: run, number of the access; from a pool to its workers
        /// alone.
        MEMORY_READ = 32 as "memoryRead",
        /// Writes it, in the same way.
        MEMORY_WRITE = 33 as "memoryWrite",
        /// Makes an instance: id, program handle, options, flags. The id is the instance's number from then on.
        INSTANTIATE = 14 as "instantiate",
        /// Calls an exported function: id, instance, arguments and options, flags; the batch is the function's number.
        CALL = 15 as "call",
        /// Ends an instance: instance.
        CLOSE_INSTANCE = 16 as "closeInstance",
    }
}

numbers! {
    /// The numbers of an operation. Offset and length are those of its bytes.
    operation_field as "OPERATION_FIELD" {
        KIND = 0 as "kind",
        ID = 1 as "id",
        ARGUMENT = 2 as "argument",
        OFFSET = 3 as "offset",
        LENGTH = 4 as "length",
        FLAGS = 5 as "flags",
        BATCH = 6 as "batch",
    }
}

numbers! {
    /// Flags of a run.
    run_flag as "RUN_FLAG" {
        /// It may be aborted by itself.
        ABORTABLE = 1 as "abortable",
        /// It has streams whose other end is with the submitter, or calls functions of the submitter.
        PIPED = 2 as "piped",
    }
}

numbers! {
    /// Output streams.
    stream as "STREAM" {
        STDOUT = 1 as "stdout",
        STDERR = 2 as "stderr",
        /// The body of the response, where a request is served. That of the request comes as stdin.
        BODY = 3 as "body",
    }
}

numbers! {
    /// Kinds of record. Outcomes are the first four and `HOST_ERROR`.
    record as "RECORD" {
        /// The code is the guest's.
        EXIT = 0 as "exit",
        /// With a trap section.
        TRAP = 1 as "trap",
        /// The code is the number of the limit.
        LIMIT = 2 as "limit",
        /// The code says why.
        ABORT = 3 as "abort",
        /// With an error section.
        FAULT = 4 as "fault",
        /// A program was loaded or inspected: with a program section.
        LOADED = 5 as "loaded",
        /// A run waits for more stdin: the code is 0. Or there is room for more: the code is a number of bytes.
        ASK = 6 as "ask",
        /// A run has printed: the code is the stream. With a bytes section.
        OUTPUT = 7 as "output",
        /// The runtime is closed.
        CLOSED = 8 as "closed",
        /// A run was given back before it started; from a worker to its pool alone.
        RETURNED = 9 as "returned",
        /// The result of a request that is bytes: with a bytes section.
        BYTES = 10 as "bytes",
        /// An outcome: a host function has thrown.
        HOST_ERROR = 30 as "hostError",
        /// A run calls a host function: the code is the number of the import. With a call section.
        CALL = 31 as "call",
        /// The answer to an access to memory, whose number is the id: the code says what became of it. With a bytes
        /// section: the size of the memory (64 bits), then what was read. From a worker to its pool alone.
        MEMORY = 32 as "memory",
        /// An instance was made, with what was printed and used meanwhile: with an exports section. A record of another
        /// kind says later how the instance ended.
        INSTANTIATED = 11 as "instantiated",
        /// A call of an instance has returned, with what was printed and used meanwhile: the code is the number of
        /// values. With a values section.
        CALL_RETURNED = 12 as "callReturned",
        /// The head of the response, where a request is served: the code is the status. With a bytes section: names and
        /// values of headers, each with its length (32 bits) before it.
        RESPONSE = 13 as "response",
        /// What became of the response: the code says what. With a bytes section, which says why.
        RESPONSE_END = 14 as "responseEnd",
    }
}

numbers! {
    /// The numbers of a record. The bytes of its stdout, of its stderr and of its sections follow those of the
    /// record before. Fuel is -1, -1 where it was not counted.
    record_field as "RECORD_FIELD" {
        KIND = 0 as "kind",
        ID = 1 as "id",
        CODE = 2 as "code",
        STDOUT = 3 as "stdout",
        STDERR = 4 as "stderr",
        WALL_MS = 5 as "wallMs",
        CPU_MS = 6 as "cpuMs",
        FUEL_LOW = 7 as "fuelLow",
        FUEL_HIGH = 8 as "fuelHigh",
        MEMORY_PEAK = 9 as "memoryPeak",
        FLAGS = 10 as "flags",
        SECTIONS = 11 as "sections",
    }
}

numbers! {
    /// What a section of a record holds.
    section as "SECTION" {
        /// A trap as JSON.
        TRAP = 1 as "trap",
        /// An error of the host as JSON.
        ERROR = 2 as "error",
        /// What is known of a program, as JSON.
        PROGRAM = 3 as "program",
        /// Bytes as they are.
        BYTES = 4 as "bytes",
        /// The number of a call, then its arguments: 64 bits each, an `i64` as it is, and all else as an `f64`.
        CALL = 30 as "call",
        /// Files: how many (32 bits); of each the length of its path (32 bits), the path, and where its bytes start
        /// and how many they are (64 bits each); the bytes of all.
        FILES = 5 as "files",
        /// What an instance exports, as JSON.
        EXPORTS = 6 as "exports",
        /// Numbers: 64 bits each, of which a 32-bit number has the lower half.
        VALUES = 7 as "values",
        /// Bytes that a run with a network has received and sent: 64 bits each.
        NETWORK = 8 as "network",
    }
}

numbers! {
    /// Where a section has its kind (32 bits), the length of its content (64 bits) and its content.
    section_layout as "SECTION_LAYOUT" {
        KIND = 0 as "kind",
        LENGTH = 4 as "length",
        CONTENT = 12 as "content",
    }
}

/// The sections of a kind of record, in their order. After these, an outcome may have one of files, and whatever says
/// what was used may have one of the network.
pub(crate) fn sections_of(record: u32) -> &'static [u32] {
    match record {
        record::TRAP => &[section::TRAP],
        record::FAULT => &[section::ERROR],
        record::LOADED => &[section::PROGRAM],
        record::OUTPUT
        | record::BYTES
        | record::MEMORY
        | record::RESPONSE
        | record::RESPONSE_END => &[section::BYTES],
        record::CALL => &[section::CALL],
        record::INSTANTIATED => &[section::EXPORTS],
        record::CALL_RETURNED => &[section::VALUES],
        _ => &[],
    }
}

numbers! {
    /// Flags of an outcome.
    outcome_flag as "OUTCOME_FLAG" {
        MEMORY_DENIED = 1 as "memoryDenied",
        OUTPUT_TRUNCATED = 2 as "outputTruncated",
        /// A call of an instance, which goes on, was aborted before it began.
        NEVER_STARTED = 4 as "neverStarted",
    }
}

numbers! {
    /// What became of a response.
    response_end as "RESPONSE_END" {
        /// Its body is whole. With the trailers, like the headers of its head.
        WHOLE = 0 as "whole",
        /// Its body breaks off.
        BROKEN = 1 as "broken",
        /// There is none.
        REFUSED = 2 as "refused",
        /// There is none: the body of the request is larger than it may be.
        TOO_LARGE = 3 as "tooLarge",
    }
}

numbers! {
    /// Codes of an abort.
    abort as "ABORT" {
        /// The submitter knows the reason.
        OURS = 0 as "ours",
        /// The reader of its output is gone.
        BROKEN_PIPE = 1 as "brokenPipe",
    }
}

numbers! {
    /// What became of an access to memory.
    memory_answer as "MEMORY_ANSWER" {
        /// The call is over.
        ENDED = 0 as "ended",
        /// The guest exports no memory.
        MISSING = 1 as "missing",
        /// It was carried out if its range lies in the memory.
        SIZE = 2 as "size",
    }
}

numbers! {
    /// The caps that end runs.
    limit as "LIMIT" {
        TIMEOUT = 0 as "timeout",
        CPU = 1 as "cpu",
        FUEL = 2 as "fuel",
        MEMORY = 3 as "memory",
        OUTPUT = 4 as "output",
        NETWORK = 5 as "network",
        REQUEST = 6 as "request",
        RESPONSE = 7 as "response",
    }
}

numbers! {
    /// The options of a run: tags of fields, of which only those that were given cross.
    option as "OPTION" {
        ARGS = 1 as "args",
        ENV = 2 as "env",
        STDIN = 3 as "stdin",
        STDOUT = 4 as "stdout",
        STDERR = 5 as "stderr",
        PREOPENS = 6 as "preopens",
        CLOCK_FIXED = 7 as "clockFixed",
        RANDOM_SEED = 8 as "randomSeed",
        TIMEOUT_MS = 9 as "timeoutMs",
        CPU_MS = 10 as "cpuMs",
        FUEL = 11 as "fuel",
        MEMORY_BYTES = 12 as "memoryBytes",
        ON_MEMORY = 13 as "onMemory",
        OUTPUT_BYTES = 14 as "outputBytes",
        ON_OUTPUT = 15 as "onOutput",
        CLOCK_REAL = 16 as "clockReal",
        ON_BROKEN_PIPE = 17 as "onBrokenPipe",
        /// Functions of the submitter may be called: without a value.
        IMPORTS = 30 as "imports",
        /// A number of files: path, whether it is a directory, and the bytes unless it is.
        FILES = 18 as "files",
        FILES_AT = 19 as "filesAt",
        /// Patterns.
        COLLECT = 20 as "collect",
        FILES_BYTES = 21 as "filesBytes",
        FILES_COUNT = 22 as "filesCount",
        /// Three lists: rules of addresses that may be reached, rules of those that may be bound, and patterns of names.
        /// A rule is its protocol, its host and a list of ranges of ports (16 bits twice).
        NETWORK = 23 as "network",
        SOCKETS = 24 as "sockets",
        /// None, whatever the jobs of the batch have in common: without a value.
        NO_NETWORK = 25 as "noNetwork",
        /// Rules of origins, and PEM text of certificates, which may be empty. A rule is its scheme, its host and a range of
        /// ports (16 bits twice).
        HTTP = 26 as "http",
        /// None, whatever the jobs of the batch have in common: without a value.
        NO_HTTP = 27 as "noHttp",
        /// The request that is served: method, scheme, authority, path, whether it has a body, and a list of names and
        /// values of headers.
        REQUEST = 28 as "request",
        NETWORK_SENT_BYTES = 32 as "networkSentBytes",
        NETWORK_RECEIVED_BYTES = 33 as "networkReceivedBytes",
        REQUEST_BYTES = 34 as "requestBytes",
        RESPONSE_BYTES = 35 as "responseBytes",
        /// Names and values.
        CONFIG = 40 as "config",
        /// Buckets: a name, and a list of keys and values.
        KEY_VALUES = 41 as "keyvalue",
    }
}

numbers! {
    /// Where stdin comes from.
    stdin as "STDIN" {
        EMPTY = 0 as "empty",
        BYTES = 1 as "bytes",
        INHERIT = 2 as "inherit",
        /// The submitter is asked for each chunk.
        PULL = 3 as "pull",
        /// The submitter pushes as much as there is room for.
        PUSH = 4 as "push",
    }
}

numbers! {
    /// The streams between a run and its submitter.
    pipe as "PIPE" {
        /// How many bytes may be on their way at a time, in either direction.
        WINDOW = 262144 as "window",
    }
}

numbers! {
    /// Where an output goes.
    output as "OUTPUT" {
        CAPTURE = 0 as "capture",
        IGNORE = 1 as "ignore",
        INHERIT = 2 as "inherit",
        PIPE = 3 as "pipe",
    }
}

numbers! {
    /// What a write to a pipe without a reader does.
    on_broken_pipe as "ON_BROKEN_PIPE" {
        FAIL = 0 as "fail",
        STOP = 1 as "stop",
    }
}

numbers! {
    /// What a growth over the cap does.
    on_memory as "ON_MEMORY" {
        DENY = 0 as "deny",
        STOP = 1 as "stop",
    }
}

numbers! {
    /// What output over the cap does.
    on_output as "ON_OUTPUT" {
        STOP = 0 as "stop",
        TRUNCATE = 1 as "truncate",
    }
}

numbers! {
    /// The protocol of a rule.
    network_protocol as "NETWORK_PROTOCOL" {
        TCP = 0 as "tcp",
        UDP = 1 as "udp",
    }
}

numbers! {
    /// The scheme of a rule.
    http_scheme as "HTTP_SCHEME" {
        HTTP = 0 as "http",
        HTTPS = 1 as "https",
    }
}

numbers! {
    /// The host of a rule.
    network_host as "NETWORK_HOST" {
        ANY = 0 as "any",
        /// Four bytes and the length of the prefix.
        IPV4 = 1 as "ipv4",
        /// Sixteen bytes and the length of the prefix.
        IPV6 = 2 as "ipv6",
        /// A pattern.
        NAME = 3 as "name",
    }
}

numbers! {
    /// A pattern of names.
    name_pattern as "NAME_PATTERN" {
        ANY = 0 as "any",
        /// With the name.
        EXACT = 1 as "exact",
        /// With the name that the others are below.
        BELOW = 2 as "below",
    }
}

#[cfg(test)]
pub(super) struct Table {
    object: &'static str,
    numbers: &'static [(&'static str, u32)],
}

#[cfg(test)]
mod tests {
    use super::Table;
    use crate::error::ErrorCode;
    use crate::guest::TrapCode;
    use std::collections::HashSet;
    use std::fmt::Write;
    use std::path::Path;

    const TABLES: &[Table] = &[
        super::flow_function::TABLE,
        super::operation::TABLE,
        super::operation_field::TABLE,
        super::run_flag::TABLE,
        super::stream::TABLE,
        super::record::TABLE,
        super::record_field::TABLE,
        super::section::TABLE,
        super::section_layout::TABLE,
        super::outcome_flag::TABLE,
        super::response_end::TABLE,
        super::abort::TABLE,
        super::memory_answer::TABLE,
        super::limit::TABLE,
        super::option::TABLE,
        super::stdin::TABLE,
        super::pipe::TABLE,
        super::output::TABLE,
        super::on_broken_pipe::TABLE,
        super::on_memory::TABLE,
        super::on_output::TABLE,
        super::network_protocol::TABLE,
        super::http_scheme::TABLE,
        super::network_host::TABLE,
        super::name_pattern::TABLE,
    ];

    fn union(
        text: &mut String,
        doc: &str,
        name: &str,
        members: impl Iterator<Item = &'static str>,
    ) {
        write!(text, "\n/**\n * {doc}\n */\nexport type {name} =").expect("text");
        for member in members {
            write!(text, "\n  | '{member}'").expect("text");
        }
        text.push('\n');
    }

    fn typescript() -> String {
        let mut text = String::from(
            "// The numbers and names that cross, written by the tests of crate/src/port/wire/protocol.rs. Do not edit.\n",
        );
        for Table { object, numbers } in TABLES {
            write!(text, "\nexport const {object} = {{\n").expect("text");
            for (name, value) in *numbers {
                writeln!(text, "  {name}: {value},").expect("text");
            }
            text.push_str("} as const\n");
        }
        let traps = TrapCode::ALL.iter().map(|code| code.as_str());
        union(
            &mut text,
            "The stable name of a Wasm fault.\n *\n * @example\n * const isOverflow = (code: TrapCode) => code === 'stack-overflow'",
            "TrapCode",
            traps,
        );
        let errors = ErrorCode::ALL.iter().map(|code| code.as_str());
        union(&mut text, "What the core throws.", "CoreErrorCode", errors);
        text
    }

    /// `WRITE_PROTOCOL=1` writes it.
    #[test]
    fn typescript_has_the_same_numbers() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../src/protocol.ts");
        let expected = typescript();
        if std::env::var_os("WRITE_PROTOCOL").is_some() {
            std::fs::write(&path, &expected).expect("written");
        }
        let found = std::fs::read_to_string(&path).expect("a file");
        // A checkout may have other line ends.
        assert_eq!(
            found.replace("\r\n", "\n"),
            expected,
            "src/protocol.ts is stale: run the tests with WRITE_PROTOCOL=1 and commit it"
        );
    }

    #[test]
    fn no_number_and_no_name_of_a_table_is_taken_twice() {
        for Table { object, numbers } in TABLES {
            let names: HashSet<_> = numbers.iter().map(|(name, _)| name).collect();
            let values: HashSet<_> = numbers.iter().map(|(_, value)| value).collect();
            assert_eq!(names.len(), numbers.len(), "{object}");
            assert_eq!(values.len(), numbers.len(), "{object}");
        }
    }

    #[test]
    fn fields_are_numbered_from_0_on() {
        for table in [super::operation_field::TABLE, super::record_field::TABLE] {
            let values: Vec<_> = table.numbers.iter().map(|(_, value)| *value).collect();
            assert_eq!(values, (0..values.len() as u32).collect::<Vec<_>>());
        }
    }
}
