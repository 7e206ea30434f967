// The parts of components that differ between WASI 0.2 and 0.3: types, and functions of the guest that read and write
// whole streams.

export type Version = '0.2' | '0.3'

const ERRORS =
  'access already bad-descriptor busy deadlock quota exist file-too-large illegal-byte-sequence in-progress interrupted invalid io is-directory loop too-many-links message-size name-too-long no-device no-entry no-lock insufficient-memory insufficient-space not-directory not-empty not-recoverable unsupported no-tty no-such-device overflow not-permitted pipe read-only invalid-seek text-file-busy cross-device'.split(
    ' ',
  )

export const ERROR_CODES: Readonly<Record<Version, readonly string[]>> = {
  '0.2': [ERRORS[0]!, 'would-block', ...ERRORS.slice(1)],
  '0.3': ERRORS,
}

/** What the functions of the guest use: the list of granted directories, and what calls return. */
export const PREOPENS = 64
export const SCRATCH = 128

/** Where the functions for streams put what they have read, in a result. */
export const READ_AT = 16

export interface Lowered {
  canonical: string
  core: string
}

interface Part {
  /** The import of `wasi:filesystem/types`, up to the functions that both versions have. */
  types: string
  /** Types that the functions below need. */
  aliases: string
  lowered: Readonly<Record<string, Lowered>>
  functions: string
  run: string
  lift: string
}

/** Stdout is that of WASI 0.2 for both. */
export const OUTPUT = `
  (import "wasi:io/error@0.2.0" (instance $error (export "error" (type (sub resource)))))
  (alias export $error "error" (type $error))
  (import "wasi:io/streams@0.2.0" (instance $streams
    (export "input-stream" (type $input-stream (sub resource)))
    (export "output-stream" (type $output-stream (sub resource)))
    (alias outer 1 $error (type $outer-error))
    (export "error" (type $error (eq $outer-error)))
    (type $stream-error-shape (variant (case "last-operation-failed" (own $error)) (case "closed")))
    (export "stream-error" (type $stream-error (eq $stream-error-shape)))
    (export "[method]input-stream.blocking-read"
      (func (param "self" (borrow $input-stream)) (param "len" u64) (result (result (list u8) (error $stream-error)))))
    (export "[method]output-stream.blocking-write-and-flush"
      (func (param "self" (borrow $output-stream)) (param "contents" (list u8)) (result (result (error $stream-error)))))))
  (alias export $streams "input-stream" (type $input-stream))
  (alias export $streams "output-stream" (type $output-stream))
  (import "wasi:cli/stdout@0.2.0" (instance $stdout
    (alias outer 1 $output-stream (type $outer-output-stream))
    (export "output-stream" (type $output-stream (eq $outer-output-stream)))
    (export "get-stdout" (func (result (own $output-stream))))))`

const OUTPUT_LOWERED: Readonly<Record<string, Lowered>> = {
  'get-stdout': { canonical: 'lower (func $stdout "get-stdout")', core: '(result i32)' },
  print: {
    canonical:
      'lower (func $streams "[method]output-stream.blocking-write-and-flush") (memory $memory)',
    core: '(param i32 i32 i32 i32)',
  },
  'get-directories': {
    canonical: 'lower (func $preopens "get-directories") (memory $memory) (realloc $realloc)',
    core: '(param i32)',
  },
}

/** The types of `wasi:filesystem/types`, up to the methods. */
function types(version: Version, datetime: string, enumeration: (names: string[]) => string) {
  const kinds =
    'block-device character-device directory fifo symbolic-link regular-file socket'.split(' ')
  const shapes = {
    datetime,
    'error-code': enumeration([...ERROR_CODES[version]]),
    'descriptor-type': enumeration(version === '0.2' ? ['unknown', ...kinds] : kinds),
    'path-flags': '(flags "symlink-follow")',
    'open-flags': '(flags "create" "directory" "exclusive" "truncate")',
    'descriptor-flags':
      '(flags "read" "write" "file-integrity-sync" "data-integrity-sync" "requested-write-sync" "mutate-directory")',
    advice: '(enum "normal" "sequential" "random" "will-need" "dont-need" "no-reuse")',
    'new-timestamp': '(variant (case "no-change") (case "now") (case "timestamp" $datetime))',
    'metadata-hash-value': '(record (field "lower" u64) (field "upper" u64))',
    'descriptor-stat': `(record (field "type" $descriptor-type) (field "link-count" u64) (field "size" u64)
      (field "data-access-timestamp" (option $datetime)) (field "data-modification-timestamp" (option $datetime))
      (field "status-change-timestamp" (option $datetime)))`,
    'directory-entry': '(record (field "type" $descriptor-type) (field "name" string))',
  }
  return Object.entries(shapes)
    .map(([name, shape]) => {
      const exported = name === 'datetime' && version === '0.3' ? 'instant' : name
      return `(type $${name}-shape ${shape}) (export "${exported}" (type $${name} (eq $${name}-shape)))`
    })
    .join('\n')
}

const P2: Part = {
  types: `(import "wasi:filesystem/types@0.2.0" (instance $types
    (export "descriptor" (type $descriptor (sub resource)))
    (export "directory-entry-stream" (type $directory-entry-stream (sub resource)))
    (alias outer 1 $input-stream (type $outer-input-stream))
    (export "input-stream" (type $input-stream (eq $outer-input-stream)))
    (alias outer 1 $output-stream (type $outer-output-stream))
    (export "output-stream" (type $output-stream (eq $outer-output-stream)))
    (alias outer 1 $error (type $outer-error))
    (export "error" (type $error (eq $outer-error)))
    ${types(
      '0.2',
      '(record (field "seconds" u64) (field "nanoseconds" u32))',
      (names) => `(enum ${names.map((name) => `"${name}"`).join(' ')})`,
    )}
    (export "filesystem-error-code" (func (param "err" (borrow $error)) (result (option $error-code))))
    (export "[method]descriptor.read-via-stream" (func
      (param "self" (borrow $descriptor)) (param "offset" u64) (result (result (own $input-stream) (error $error-code)))))
    (export "[method]descriptor.write-via-stream" (func
      (param "self" (borrow $descriptor)) (param "offset" u64) (result (result (own $output-stream) (error $error-code)))))
    (export "[method]descriptor.append-via-stream" (func
      (param "self" (borrow $descriptor)) (result (result (own $output-stream) (error $error-code)))))
    (export "[method]descriptor.read-directory" (func
      (param "self" (borrow $descriptor)) (result (result (own $directory-entry-stream) (error $error-code)))))
    (export "[method]directory-entry-stream.read-directory-entry" (func
      (param "self" (borrow $directory-entry-stream)) (result (result (option $directory-entry) (error $error-code)))))`,
  aliases: '',
  lowered: {
    ...OUTPUT_LOWERED,
    'stream-to-read': method('read-via-stream', '(param i32 i64 i32)'),
    'stream-to-write': method('write-via-stream', '(param i32 i64 i32)'),
    'stream-to-append': method('append-via-stream', '(param i32 i32)'),
    entries: method('read-directory', '(param i32 i32)'),
    entry: {
      canonical:
        'lower (func $types "[method]directory-entry-stream.read-directory-entry") (memory $memory) (realloc $realloc)',
      core: '(param i32 i32)',
    },
    'error-of': {
      canonical: 'lower (func $types "filesystem-error-code") (memory $memory)',
      core: '(param i32 i32)',
    },
    receive: {
      canonical:
        'lower (func $streams "[method]input-stream.blocking-read") (memory $memory) (realloc $realloc)',
      core: '(param i32 i64 i32)',
    },
  },
  functions: `
    ;; writes to the stream of a result, and puts the error into the result if there is one
    (func $send (param $bytes i32) (param $length i32) (param $result i32)
      (if (i32.load8_u (local.get $result)) (then (return)))
      (call $print (i32.load offset=4 (local.get $result)) (local.get $bytes) (local.get $length) (i32.const ${SCRATCH}))
      (if (i32.eqz (i32.load8_u (i32.const ${SCRATCH}))) (then (return)))
      ;; closed
      (if (i32.load8_u offset=4 (i32.const ${SCRATCH})) (then (unreachable)))
      (call $error-of (i32.load offset=8 (i32.const ${SCRATCH})) (i32.const ${SCRATCH}))
      (if (i32.eqz (i32.load8_u (i32.const ${SCRATCH}))) (then (unreachable)))
      (i32.store8 (local.get $result) (i32.const 1))
      (i32.store8 offset=4 (local.get $result) (i32.load8_u offset=1 (i32.const ${SCRATCH}))))
    (func $write-via-stream (param $fd i32) (param $bytes i32) (param $length i32) (param $offset i64) (param $result i32)
      (call $stream-to-write (local.get $fd) (local.get $offset) (local.get $result))
      (call $send (local.get $bytes) (local.get $length) (local.get $result)))
    (func $append-via-stream (param $fd i32) (param $bytes i32) (param $length i32) (param $result i32)
      (call $stream-to-append (local.get $fd) (local.get $result))
      (call $send (local.get $bytes) (local.get $length) (local.get $result)))
    ;; the files are read at once
    (func $read-via-stream (param $fd i32) (param $offset i64) (param $result i32)
      (call $stream-to-read (local.get $fd) (local.get $offset) (local.get $result))
      (if (i32.load8_u (local.get $result)) (then (return)))
      (call $receive (i32.load offset=4 (local.get $result)) (i64.const 4096) (i32.const ${SCRATCH}))
      (if (i32.load8_u (i32.const ${SCRATCH})) (then (unreachable)))
      (i64.store offset=${READ_AT} (local.get $result) (i64.load offset=4 (i32.const ${SCRATCH}))))
    (func $read-directory (param $fd i32) (param $result i32) (local $count i32)
      (call $entries (local.get $fd) (local.get $result))
      (if (i32.load8_u (local.get $result)) (then (return)))
      (loop $next
        (call $entry (i32.load offset=4 (local.get $result)) (i32.const ${SCRATCH}))
        (if (i32.load8_u (i32.const ${SCRATCH})) (then (unreachable)))
        (if (i32.load8_u offset=4 (i32.const ${SCRATCH})) (then
          (i64.store offset=${READ_AT + 8} (i32.add (local.get $result) (i32.shl (local.get $count) (i32.const 3)))
            (i64.load offset=12 (i32.const ${SCRATCH})))
          (local.set $count (i32.add (local.get $count) (i32.const 1)))
          (br $next))))
      (i32.store offset=${READ_AT} (local.get $result) (local.get $count)))`,
  run: '(func (export "run") (result i32) (call $steps) (i32.const 0))',
  lift: '(func $run (result (result)) (canon lift (core func $main "run")))',
}

function method(name: string, core: string): Lowered {
  return {
    canonical: `lower (func $types "[method]descriptor.${name}") (memory $memory)`,
    core,
  }
}

/** An entry of a directory: its type, then the address and length of its name. */
const ENTRY_BYTES = 24
const ENTRY_NAME = 16
const MOST_ENTRIES = 20

const P3: Part = {
  types: `(import "wasi:filesystem/types@0.3.0" (instance $types
    (export "descriptor" (type $descriptor (sub resource)))
    ${types(
      '0.3',
      '(record (field "seconds" s64) (field "nanoseconds" u32))',
      (names) =>
        `(variant ${names.map((name) => `(case "${name}")`).join(' ')} (case "other" (option string)))`,
    )}
    (type $bytes (stream u8))
    (type $entries (stream $directory-entry))
    (type $end (future (result (error $error-code))))
    (export "[method]descriptor.read-via-stream" (func
      (param "self" (borrow $descriptor)) (param "offset" u64) (result (tuple $bytes $end))))
    (export "[method]descriptor.write-via-stream" (func
      (param "self" (borrow $descriptor)) (param "data" $bytes) (param "offset" u64) (result $end)))
    (export "[method]descriptor.append-via-stream" (func
      (param "self" (borrow $descriptor)) (param "data" $bytes) (result $end)))
    (export "[method]descriptor.read-directory" (func
      (param "self" (borrow $descriptor)) (result (tuple $entries $end))))`,
  aliases: `
  (alias export $types "error-code" (type $error-code))
  (alias export $types "directory-entry" (type $directory-entry))
  (type $bytes (stream u8))
  (type $entries (stream $directory-entry))
  (type $end (future (result (error $error-code))))`,
  lowered: {
    ...OUTPUT_LOWERED,
    'stream-to-read': method('read-via-stream', '(param i32 i64 i32)'),
    'stream-to-write': method('write-via-stream', '(param i32 i32 i64) (result i32)'),
    'stream-to-append': method('append-via-stream', '(param i32 i32) (result i32)'),
    'entries-to-read': method('read-directory', '(param i32 i32)'),
    'stream-new': { canonical: 'stream.new $bytes', core: '(result i64)' },
    'stream-write': {
      canonical: 'stream.write $bytes async (memory $memory)',
      core: '(param i32 i32 i32) (result i32)',
    },
    'stream-close': { canonical: 'stream.drop-writable $bytes', core: '(param i32)' },
    'stream-read': {
      canonical: 'stream.read $bytes async (memory $memory) (realloc $realloc)',
      core: '(param i32 i32 i32) (result i32)',
    },
    'entries-read': {
      canonical: 'stream.read $entries async (memory $memory) (realloc $realloc)',
      core: '(param i32 i32 i32) (result i32)',
    },
    'end-read': {
      canonical: 'future.read $end async (memory $memory) (realloc $realloc)',
      core: '(param i32 i32) (result i32)',
    },
    'set-new': { canonical: 'waitable-set.new', core: '(result i32)' },
    'set-wait': {
      canonical: 'waitable-set.wait (memory $memory)',
      core: '(param i32 i32) (result i32)',
    },
    join: { canonical: 'waitable.join', core: '(param i32 i32)' },
    return: { canonical: 'task.return (result (result))', core: '(param i32)' },
  },
  functions: `
    (global $set (mut i32) (i32.const 0))
    ;; how a read or write has ended, which is -1 while it goes on
    (func $ended (param $waitable i32) (param $code i32) (result i32)
      (if (i32.ne (local.get $code) (i32.const -1)) (then (return (local.get $code))))
      (call $join (local.get $waitable) (global.get $set))
      (drop (call $set-wait (global.get $set) (i32.const ${SCRATCH})))
      (call $join (local.get $waitable) (i32.const 0))
      (i32.load offset=4 (i32.const ${SCRATCH})))
    (func $end (param $future i32) (param $result i32)
      (drop (call $ended (local.get $future) (call $end-read (local.get $future) (local.get $result)))))
    (func $send (param $stream i32) (param $bytes i32) (param $length i32)
      (drop (call $ended (local.get $stream)
        (call $stream-write (local.get $stream) (local.get $bytes) (local.get $length))))
      (call $stream-close (local.get $stream)))
    (func $write-via-stream (param $fd i32) (param $bytes i32) (param $length i32) (param $offset i64) (param $result i32)
      (local $ends i64) (local $future i32)
      (local.set $ends (call $stream-new))
      (local.set $future (call $stream-to-write (local.get $fd) (i32.wrap_i64 (local.get $ends)) (local.get $offset)))
      (call $send (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))) (local.get $bytes) (local.get $length))
      (call $end (local.get $future) (local.get $result)))
    (func $append-via-stream (param $fd i32) (param $bytes i32) (param $length i32) (param $result i32)
      (local $ends i64) (local $future i32)
      (local.set $ends (call $stream-new))
      (local.set $future (call $stream-to-append (local.get $fd) (i32.wrap_i64 (local.get $ends))))
      (call $send (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))) (local.get $bytes) (local.get $length))
      (call $end (local.get $future) (local.get $result)))
    (func $read-via-stream (param $fd i32) (param $offset i64) (param $result i32)
      (local $stream i32) (local $future i32) (local $at i32) (local $code i32)
      (call $stream-to-read (local.get $fd) (local.get $offset) (i32.const ${SCRATCH}))
      (local.set $stream (i32.load (i32.const ${SCRATCH})))
      (local.set $future (i32.load offset=4 (i32.const ${SCRATCH})))
      (local.set $at (call $realloc (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 4096)))
      (i32.store offset=${READ_AT} (local.get $result) (local.get $at))
      (loop $more
        (local.set $code (call $ended (local.get $stream)
          (call $stream-read (local.get $stream) (local.get $at) (i32.const 1024))))
        (local.set $at (i32.add (local.get $at) (i32.shr_u (local.get $code) (i32.const 4))))
        (br_if $more (i32.eqz (i32.and (local.get $code) (i32.const 15)))))
      (i32.store offset=${READ_AT + 4} (local.get $result)
        (i32.sub (local.get $at) (i32.load offset=${READ_AT} (local.get $result))))
      (call $end (local.get $future) (local.get $result)))
    ;; from the beginning of one file to that of another, so often; waits for the last time
    (func $copy (param $from i32) (param $to i32) (param $times i32) (param $result i32) (local $future i32)
      (loop $more
        (call $stream-to-read (local.get $from) (i64.const 0) (i32.const ${SCRATCH}))
        (local.set $future
          (call $stream-to-write (local.get $to) (i32.load (i32.const ${SCRATCH})) (i64.const 0)))
        (br_if $more (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
      (call $end (local.get $future) (local.get $result)))
    (func $read-directory (param $fd i32) (param $result i32)
      (local $stream i32) (local $future i32) (local $list i32) (local $code i32) (local $left i32) (local $count i32)
      (call $entries-to-read (local.get $fd) (i32.const ${SCRATCH}))
      (local.set $stream (i32.load (i32.const ${SCRATCH})))
      (local.set $future (i32.load offset=4 (i32.const ${SCRATCH})))
      (loop $more
        (local.set $list (call $realloc
          (i32.const 0) (i32.const 0) (i32.const 4) (i32.const ${ENTRY_BYTES * MOST_ENTRIES})))
        (local.set $code (call $ended (local.get $stream)
          (call $entries-read (local.get $stream) (local.get $list) (i32.const ${MOST_ENTRIES}))))
        (local.set $left (i32.shr_u (local.get $code) (i32.const 4)))
        (loop $next
          (if (local.get $left) (then
            (i64.store offset=${READ_AT + 8} (i32.add (local.get $result) (i32.shl (local.get $count) (i32.const 3)))
              (i64.load offset=${ENTRY_NAME} (local.get $list)))
            (local.set $list (i32.add (local.get $list) (i32.const ${ENTRY_BYTES})))
            (local.set $count (i32.add (local.get $count) (i32.const 1)))
            (local.set $left (i32.sub (local.get $left) (i32.const 1)))
            (br $next))))
        (br_if $more (i32.eqz (i32.and (local.get $code) (i32.const 15)))))
      (i32.store offset=${READ_AT} (local.get $result) (local.get $count))
      (call $end (local.get $future) (local.get $result)))`,
  run: `(func (export "run") (result i32)
      (global.set $set (call $set-new))
      (call $steps)
      (call $return (i32.const 0))
      (i32.const 0))
    ;; nothing is waited for outside of the functions above
    (func (export "callback") (param i32 i32 i32) (result i32) (unreachable))`,
  lift: `(type $run-type (func async (result (result))))
  (func $run (type $run-type)
    (canon lift (core func $main "run") async (callback (core func $main "callback"))))`,
}

export const PARTS: Readonly<Record<Version, Part>> = { '0.2': P2, '0.3': P3 }
