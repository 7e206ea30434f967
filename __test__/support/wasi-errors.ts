// Every function of WASI 0.1 with every class of wrong value for each of its arguments, what becomes of the calls here
// and with node:wasi, and docs/wasi-errors.md from both.
import { mkdtemp, mkdir, open, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WASI } from 'node:wasi'
import { load, type RunOptions } from './package.ts'
import { ending } from './guest.ts'

/** One call: the function, what is wrong with which argument, and all arguments. */
export interface Call {
  function: string
  argument: string
  given: string
  types: readonly Type[]
  values: readonly bigint[]
  /** Whether WASI says that the call traps: it is told a place outside of memory, or one that is not aligned. */
  pointer: boolean
}

type Type = 'i32' | 'i64'

/** Some values for the parameters that one argument takes, and what they are. */
interface Wrong {
  given: string
  values: readonly bigint[]
  pointer?: boolean
}

interface Argument {
  name: string
  types: readonly Type[]
  right: readonly bigint[]
  wrong: readonly Wrong[]
}

const ENV = { NAME: 'value' }
const MODULE = 'wasi_snapshot_preview1'
const PAGES = 2
const END = BigInt(PAGES * 65_536)
const ALL = -1n

/** Descriptors from 3 on: the granted directory, a file and a directory in it. */
const GRANTED = 3n
const FILE = 4n
const DIRECTORY = 5n

/** Strings of the memory, by what they are as paths. */
const PATHS = {
  file: 'file',
  directory: 'directory',
  new: 'new',
  missing: 'missing',
  loop: 'loop',
  link: 'link',
  absolute: '/file',
  above: '../file',
  latin: '\\ff',
  nul: 'fi\\00le',
  longName: 'n'.repeat(300),
  longPath: 'n/'.repeat(4000),
}
type Path = keyof typeof PATHS

const STRINGS = 8192n
const strings = new Map<Path, { at: bigint; length: bigint; text: string }>()
{
  let at = STRINGS
  for (const [name, text] of Object.entries(PATHS)) {
    const length = BigInt(text.replaceAll(/\\../g, 'x').length)
    strings.set(name as Path, { at, length, text })
    at += length + 16n
  }
}

/** The memory's content: two vectors of one buffer each, one of a buffer that ends outside, and the strings. */
const BUFFER = 4096n
const VECTOR = 16n
const EMPTY_VECTOR = 32n
const BAD_VECTOR = 40n
const words = (...values: bigint[]): string =>
  values
    .map((value) => Buffer.from(Uint32Array.of(Number(value)).buffer).toString('latin1'))
    .join('')
const DATA: readonly (readonly [at: bigint, bytes: Buffer])[] = [
  [VECTOR, Buffer.from(words(BUFFER, 4n), 'latin1')],
  [EMPTY_VECTOR, Buffer.from(words(BUFFER, 0n), 'latin1')],
  [BAD_VECTOR, Buffer.from(words(END - 2n, 4n), 'latin1')],
  [END - 4n, Buffer.from('file')],
  ...[...strings.values()].map(({ at, text }) => {
    const bytes = text.replaceAll(/\\(..)/g, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    )
    return [at, Buffer.from(bytes, 'latin1')] as const
  }),
]

function path(which: Path): readonly bigint[] {
  const { at, length } = strings.get(which)!
  return [at, length]
}

// Arguments by what they are.

function fd(expected: 'file' | 'directory' | 'any' | 'closable', name = 'fd'): Argument {
  const right = expected === 'file' ? FILE : expected === 'directory' ? GRANTED : FILE
  return {
    name,
    types: ['i32'],
    right: [right],
    wrong: [
      { given: 'closed', values: [99n] },
      { given: '−1', values: [ALL] },
      ...(expected === 'any' || expected === 'closable' ? [] : [{ given: 'stdin', values: [0n] }]),
      ...(expected === 'file' ? [{ given: 'of a directory', values: [DIRECTORY] }] : []),
      ...(expected === 'directory' ? [{ given: 'of a file', values: [FILE] }] : []),
    ],
  }
}

function pathArgument(right: Path, name = 'path'): Argument {
  const wrong = (given: string, which: Path): Wrong => ({ given, values: path(which) })
  return {
    name,
    types: ['i32', 'i32'],
    right: path(right),
    wrong: [
      { given: 'empty', values: [STRINGS, 0n] },
      wrong('missing', 'missing'),
      wrong('absolute', 'absolute'),
      wrong('above the directory', 'above'),
      wrong('a link to itself', 'loop'),
      wrong('not UTF-8', 'latin'),
      wrong('with a NUL', 'nul'),
      wrong('a name of 300 bytes', 'longName'),
      wrong('8,000 bytes', 'longPath'),
      { given: 'beyond the end of memory', values: [END - 2n, 4n], pointer: true },
      { given: 'of length 2³² − 1', values: [STRINGS, ALL], pointer: true },
    ],
  }
}

function pointer(name: string, size: bigint, align: bigint, right = 256n): Argument {
  return {
    name,
    types: ['i32'],
    right: [right],
    wrong: [
      { given: 'at the end of memory', values: [END - size] },
      { given: 'beyond the end of memory', values: [END - size + align], pointer: true },
      { given: 'far beyond', values: [-align], pointer: true },
      ...(align > 1n ? [{ given: 'unaligned', values: [right + 1n], pointer: true }] : []),
    ],
  }
}

function vectors(): Argument {
  return {
    name: 'iovs',
    types: ['i32', 'i32'],
    right: [VECTOR, 1n],
    wrong: [
      { given: 'none', values: [VECTOR, 0n] },
      { given: 'of an empty buffer', values: [EMPTY_VECTOR, 1n] },
      { given: 'of a buffer beyond the end of memory', values: [BAD_VECTOR, 1n], pointer: true },
      { given: 'beyond the end of memory', values: [END - 4n, 1n], pointer: true },
      { given: 'unaligned', values: [VECTOR + 1n, 1n], pointer: true },
      { given: '2³² − 1', values: [VECTOR, ALL], pointer: true },
    ],
  }
}

function buffer(name: string, right = [BUFFER, 64n]): Argument {
  return {
    name,
    types: ['i32', 'i32'],
    right,
    wrong: [
      { given: 'of length 0', values: [BUFFER, 0n] },
      { given: 'beyond the end of memory', values: [END - 1n, 64n], pointer: true },
      { given: 'of length 2³² − 1', values: [BUFFER, ALL], pointer: true },
    ],
  }
}

function cases(name: string, count: bigint, right = 0n): Argument {
  return {
    name,
    types: ['i32'],
    right: [right],
    wrong: [
      { given: 'the next after the last', values: [count] },
      { given: '255', values: [255n] },
      { given: '−1', values: [ALL] },
    ],
  }
}

function flags(
  name: string,
  bits: number,
  options: { type?: Type; more?: readonly Wrong[] } = {},
): Argument {
  const { type = 'i32', more = [] } = options
  return {
    name,
    types: [type],
    right: [0n],
    wrong: [
      { given: 'an undefined bit', values: [1n << BigInt(bits)] },
      { given: 'all bits', values: [ALL] },
      ...more,
    ],
  }
}

function number(name: string, right = 0n): Argument {
  return {
    name,
    types: ['i64'],
    right: [right],
    wrong: [
      { given: '2⁶³ − 1', values: [2n ** 63n - 1n] },
      { given: '2⁶⁴ − 1', values: [ALL] },
    ],
  }
}

/** One that takes any value. */
const any = (name: string, type: Type, right = 0n): Argument => ({
  name,
  types: [type],
  right: [right],
  wrong: [],
})

const RESULT = pointer('result', 4n, 4n)
const RIGHTS = { type: 'i64' } as const
const CONTRADICTION = { given: 'a time and now', values: [3n] }

/** All functions but `proc_exit`, which returns nothing. */
const FUNCTIONS: Readonly<Record<string, readonly Argument[]>> = {
  args_get: [pointer('argv', 4n, 4n), pointer('argv_buf', 64n, 1n, BUFFER)],
  args_sizes_get: [pointer('count', 4n, 4n), pointer('size', 4n, 4n, 264n)],
  clock_res_get: [cases('id', 4n), pointer('result', 8n, 8n)],
  clock_time_get: [cases('id', 4n), any('precision', 'i64'), pointer('result', 8n, 8n)],
  environ_get: [pointer('environ', 4n, 4n), pointer('environ_buf', 64n, 1n, BUFFER)],
  environ_sizes_get: [pointer('count', 4n, 4n), pointer('size', 4n, 4n, 264n)],
  fd_advise: [fd('file'), number('offset'), number('len'), cases('advice', 6n)],
  fd_allocate: [fd('file'), number('offset'), number('len', 1n)],
  fd_close: [fd('closable')],
  fd_datasync: [fd('any')],
  fd_fdstat_get: [fd('any'), pointer('result', 24n, 8n)],
  fd_fdstat_set_flags: [fd('file'), flags('flags', 5)],
  fd_fdstat_set_rights: [
    fd('any'),
    flags('fs_rights_base', 30, RIGHTS),
    flags('fs_rights_inheriting', 30, RIGHTS),
  ],
  fd_filestat_get: [fd('any'), pointer('result', 64n, 8n)],
  fd_filestat_set_size: [fd('file'), number('size')],
  fd_filestat_set_times: [
    fd('any'),
    number('atim'),
    number('mtim'),
    flags('fst_flags', 4, { more: [CONTRADICTION] }),
  ],
  fd_pread: [fd('file'), vectors(), number('offset'), RESULT],
  fd_prestat_get: [fd('directory'), pointer('result', 8n, 4n)],
  fd_prestat_dir_name: [fd('directory'), buffer('path', [BUFFER, 1n])],
  fd_pwrite: [fd('file'), vectors(), number('offset'), RESULT],
  fd_read: [fd('file'), vectors(), RESULT],
  fd_readdir: [fd('directory'), buffer('buf'), number('cookie'), RESULT],
  fd_renumber: [fd('closable'), fd('closable', 'to')],
  fd_seek: [fd('file'), number('offset'), cases('whence', 3n), pointer('result', 8n, 8n)],
  fd_sync: [fd('any')],
  fd_tell: [fd('file'), pointer('result', 8n, 8n)],
  fd_write: [fd('file'), vectors(), RESULT],
  path_create_directory: [fd('directory'), pathArgument('new')],
  path_filestat_get: [
    fd('directory'),
    flags('flags', 1),
    pathArgument('file'),
    pointer('result', 64n, 8n),
  ],
  path_filestat_set_times: [
    fd('directory'),
    flags('flags', 1),
    pathArgument('file'),
    number('atim'),
    number('mtim'),
    flags('fst_flags', 4, { more: [CONTRADICTION] }),
  ],
  path_link: [
    fd('directory', 'old_fd'),
    flags('old_flags', 1),
    pathArgument('file', 'old_path'),
    fd('directory', 'new_fd'),
    pathArgument('new', 'new_path'),
  ],
  path_open: [
    fd('directory'),
    flags('dirflags', 1),
    pathArgument('file'),
    flags('oflags', 4, { more: [{ given: 'a new directory', values: [3n] }] }),
    flags('fs_rights_base', 30, RIGHTS),
    flags('fs_rights_inheriting', 30, RIGHTS),
    flags('fdflags', 5),
    RESULT,
  ],
  path_readlink: [fd('directory'), pathArgument('link'), buffer('buf'), RESULT],
  path_remove_directory: [fd('directory'), pathArgument('directory')],
  path_rename: [
    fd('directory'),
    pathArgument('file', 'old_path'),
    fd('directory', 'new_fd'),
    pathArgument('new', 'new_path'),
  ],
  path_symlink: [
    pathArgument('file', 'old_path'),
    fd('directory'),
    pathArgument('new', 'new_path'),
  ],
  path_unlink_file: [fd('directory'), pathArgument('file')],
  poll_oneoff: [
    pointer('in', 48n, 8n, 1024n),
    pointer('out', 32n, 8n, 2048n),
    {
      name: 'nsubscriptions',
      types: ['i32'],
      right: [1n],
      wrong: [
        { given: '0', values: [0n] },
        { given: '2³² − 1', values: [ALL], pointer: true },
      ],
    },
    RESULT,
  ],
  proc_raise: [cases('sig', 31n)],
  random_get: [buffer('buf')],
  sched_yield: [],
  sock_accept: [fd('any'), flags('flags', 5), RESULT],
  sock_recv: [
    fd('any'),
    vectors(),
    flags('ri_flags', 2),
    RESULT,
    pointer('ro_flags', 4n, 4n, 272n),
  ],
  sock_send: [fd('any'), vectors(), flags('si_flags', 0), RESULT],
  sock_shutdown: [fd('any'), flags('how', 2)],
}

/** The names of all functions of WASI 0.1 that return an errno. */
export const names: readonly string[] = Object.keys(FUNCTIONS)

/** Each function with each wrong value of each argument, the others being right, and once with all right. */
export function calls(): Call[] {
  return Object.entries(FUNCTIONS).flatMap(([name, all]) => {
    const types = all.flatMap((argument) => argument.types)
    const right: Call = {
      function: name,
      argument: '',
      given: 'all right',
      types,
      values: all.flatMap((argument) => argument.right),
      pointer: false,
    }
    const wrong = all.flatMap((argument, index) =>
      argument.wrong.map(({ given, values, pointer = false }) => ({
        function: name,
        argument: argument.name,
        given,
        types,
        values: all.flatMap((other, at) => (at === index ? values : other.right)),
        pointer,
      })),
    )
    // It would end this process.
    return name === 'proc_raise' ? wrong : [right, ...wrong]
  })
}

/** A folder with a file, a directory and links; the function sees it new each time. */
async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'wasiexec-errors-'))
  try {
    await writeFile(join(folder, 'file'), 'hello')
    await mkdir(join(folder, 'directory'))
    await symlink('loop', join(folder, 'loop'))
    await symlink('file', join(folder, 'link'))
    return await use(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const OPEN: readonly Type[] = ['i32', 'i32', 'i32', 'i32', 'i32', 'i64', 'i64', 'i32', 'i32']
/** What node:wasi lets a descriptor do: all that there is for its kind, and no more. */
const FILE_RIGHTS = 0x8e001ffn
const DIRECTORY_RIGHTS = 0x7fffe18n & ~(1n << 22n)

function opening(which: 'file' | 'directory'): readonly bigint[] {
  const rights = which === 'file' ? FILE_RIGHTS : DIRECTORY_RIGHTS
  return [GRANTED, 0n, ...path(which), which === 'file' ? 0n : 2n, rights, rights, 0n, 8n]
}

const typed = (types: readonly Type[], values: readonly bigint[]): string =>
  values.map((value, index) => `(${types[index]}.const ${value})`).join(' ')

/** The errnos of WASI 0.1, by number. */
export const ERRNOS: readonly string[] = (
  'success 2big acces addrinuse addrnotavail afnosupport again already badf badmsg busy canceled child connaborted ' +
  'connrefused connreset deadlk destaddrreq dom dquot exist fault fbig hostunreach idrm ilseq inprogress intr inval ' +
  'io isconn isdir loop mfile mlink msgsize multihop nametoolong netdown netreset netunreach nfile nobufs nodev noent ' +
  'noexec nolck nolink nomem nomsg noprotoopt nospc nosys notconn notdir notempty notrecoverable notsock notsup notty ' +
  'nxio overflow ownerdead perm pipe proto protonosupport prototype range rofs spipe srch stale timedout txtbsy xdev ' +
  'notcapable'
).split(' ')

/** What becomes of a call here: the name of an errno, or `trap`. */
export function here(call: Call): Promise<string> {
  return inFolder((folder) =>
    outcomeOf(call, '', { preopens: { '/': { hostPath: folder, access: 'write' } } }),
  )
}

/** The same where the file, the directory and the links are in memory; the guest makes the links. */
export function inMemory(call: Call): Promise<string> {
  const link = (target: Path, name: Path): string =>
    `(call $check (call $symlink ${typed(
      ['i32', 'i32', 'i32', 'i32', 'i32'],
      [...path(target), GRANTED, ...path(name)],
    )}))`
  return outcomeOf(call, link('loop', 'loop') + link('file', 'link'), {
    files: { file: 'hello', 'directory/': {} },
  })
}

async function outcomeOf(call: Call, setUp: string, options: RunOptions): Promise<string> {
  const escaped = (bytes: Buffer): string =>
    [...bytes].map((byte) => `\\${byte.toString(16).padStart(2, '0')}`).join('')
  const source = `(module
    (import "${MODULE}" "path_open" (func $open (param ${OPEN.join(' ')}) (result i32)))
    (import "${MODULE}" "path_symlink" (func $symlink (param i32 i32 i32 i32 i32) (result i32)))
    (import "${MODULE}" "${call.function}" (func $call (param ${call.types.join(' ')}) (result i32)))
    (import "${MODULE}" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") ${PAGES})
    ${DATA.map(([at, bytes]) => `(data (i32.const ${at}) "${escaped(bytes)}")`).join('\n')}
    (func $check (param i32) (if (local.get 0) (then (call $exit (i32.const 1000)))))
    (func (export "_start")
      ${setUp}
      (call $check (call $open ${typed(OPEN, opening('file'))}))
      (call $check (call $open ${typed(OPEN, opening('directory'))}))
      (call $exit (call $call ${typed(call.types, call.values)}))))`
  const program = await load(Buffer.from(source), { cache: false })
  const outcome = await program.run({ ...options, env: ENV, limits: { timeoutMs: 60_000 } })
  if (outcome.kind === 'trap' && outcome.trap.code === 'host-call') return 'trap'
  if (outcome.kind !== 'exit') return ending(outcome)
  return ERRNOS[outcome.code] ?? `exit ${outcome.code}`
}

type Passed = (...values: (number | bigint)[]) => number
// Neither ES nor Node's types have it.
const { WebAssembly } = globalThis as unknown as {
  WebAssembly: {
    Module: new (bytes: Uint8Array) => object
    Instance: new (
      module: object,
      imports: object,
    ) => { exports: { memory: { buffer: ArrayBuffer }; open: Passed; call: Passed } }
  }
}

/** What becomes of it with node:wasi. */
export async function withNode(call: Call): Promise<string> {
  const nothing = await open('/dev/null', 'r+')
  try {
    return await inFolder(async (folder) => {
      const wasi = new WASI({
        version: 'preview1',
        preopens: { '/': folder },
        args: ['program'],
        env: ENV,
        stdin: nothing.fd,
        stdout: nothing.fd,
        stderr: nothing.fd,
      })
      const module = new WebAssembly.Module(trampoline(call))
      const instance = new WebAssembly.Instance(module, { [MODULE]: wasi.wasiImport })
      const { memory, open, call: made } = instance.exports
      wasi.initialize(instance)
      for (const [at, bytes] of DATA) new Uint8Array(memory.buffer).set(bytes, Number(at))
      const given = (types: readonly Type[], values: readonly bigint[]): (number | bigint)[] =>
        values.map((value, index) =>
          types[index] === 'i32' ? Number(BigInt.asIntN(32, value)) : value,
        )
      for (const which of ['file', 'directory'] as const) {
        const errno = open(...given(OPEN, opening(which)))
        if (errno !== 0) throw new Error(`node:wasi: ${which} does not open: ${ERRNOS[errno]}`)
      }
      const errno = made(...given(call.types, call.values))
      return ERRNOS[errno] ?? `${errno}`
    })
  } finally {
    await nothing.close()
  }
}

const MAGIC = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00] as const

/** A module with a memory that passes calls on to `path_open` and to the function: the smallest that does. */
function trampoline(call: Call): Uint8Array {
  const text = (value: string): number[] => [value.length, ...Buffer.from(value)]
  const section = (id: number, ...content: number[]): number[] => [id, content.length, ...content]
  const signature = (types: readonly Type[]): number[] => [
    0x60,
    types.length,
    ...types.map((type) => (type === 'i32' ? 0x7f : 0x7e)),
    1,
    0x7f,
  ]
  const forward = (count: number, index: number): number[] => {
    const gets = Array.from({ length: count }, (_, at) => [0x20, at]).flat()
    const body = [0, ...gets, 0x10, index, 0x0b]
    return [body.length, ...body]
  }
  return Uint8Array.of(
    ...MAGIC,
    ...section(1, 2, ...signature(OPEN), ...signature(call.types)),
    ...section(
      2,
      2,
      ...text(MODULE),
      ...text('path_open'),
      0,
      0,
      ...text(MODULE),
      ...text(call.function),
      0,
      1,
    ),
    ...section(3, 2, 0, 1),
    ...section(5, 1, 0, PAGES),
    ...section(7, 3, ...text('memory'), 2, 0, ...text('open'), 0, 2, ...text('call'), 0, 3),
    ...section(10, 2, ...forward(OPEN.length, 0), ...forward(call.types.length, 1)),
  )
}

/** Why a call ends otherwise than with node:wasi. */
const REASONS = {
  pointer:
    'WASI says that a function traps when it is told a place outside of memory, or one that is not aligned ' +
    '([witx](https://github.com/WebAssembly/WASI/blob/main/legacy/tools/witx-docs.md#pointers)): the guest is broken, ' +
    'and the frames say where.',
  unused: 'The function returns before it uses the pointer, or has nothing to write there.',
  copies: 'The host copies 128 MiB for one call at most.',
  unknown: 'A value that WASI does not know is `inval`, whatever the function.',
  outside:
    'A path that leads out of the directory is not permitted. node:wasi reads `/../file` as `/file`.',
  utf8: 'The paths of WASI are UTF-8.',
  empty: 'POSIX says so of an empty path. `path_symlink` takes the old one as it is.',
  rights:
    'The rights of descriptors are gone from WASI: the errno says what is wrong with the descriptor, where node:wasi ' +
    'says that it has not the right.',
  unsupported:
    'Not every host can do it, so wasmtime does not. Programs find it with an older file system, too.',
  socket: 'No descriptor is a socket.',
  position:
    'The position is a number of the run; the host is asked when the guest reads or writes there.',
  nothing: 'No time is to be set, so the file is not looked at.',
  room: 'Other words for a buffer that is too small.',
} as const
type Reason = keyof typeof REASONS

/** The reason for a difference; nothing where none is known. */
function reason(call: Call, ours: string, node: string): Reason | '' | undefined {
  if (ours === node) return ''
  if (call.pointer) {
    if (ours === 'trap') return 'pointer'
    if (ours === 'nomem') return 'copies'
    return ours === 'notsock' ? 'socket' : 'unused'
  }
  if (ours === 'notsock') return 'socket'
  if (ours === 'ilseq' && call.given === 'not UTF-8') return 'utf8'
  if (ours === 'perm' && /absolute|above/.test(call.given)) return 'outside'
  if (ours === 'noent' && call.given === 'empty') return 'empty'
  if (ours === 'inval') return 'unknown'
  if (ours === 'notsup') return 'unsupported'
  if (call.argument.endsWith('fd') && ['badf', 'notdir', 'spipe'].includes(ours)) return 'rights'
  if (call.function === 'fd_seek' && call.argument === 'offset') return 'position'
  if (call.function === 'path_filestat_set_times' && call.argument === 'path') return 'nothing'
  if (call.given === 'of length 0') return 'room'
  return undefined
}

/** The tables of docs/wasi-errors.md, from what became of all calls; nothing where a difference has no reason. */
export function tables(ours: readonly string[], node: readonly string[]): string {
  const used = new Set<Reason>()
  const mark = (of: Reason): string => `[${of}](#${of})`
  const sections = names.map((name) => {
    const rows: {
      argument: string
      given: string[]
      ours: string
      node: string
      why: Reason | ''
    }[] = []
    for (const [index, call] of calls().entries()) {
      if (call.function !== name) continue
      const why = reason(call, ours[index]!, node[index]!)
      if (why === undefined) {
        throw new Error(
          `no reason for ${name} ${call.argument} ${call.given}: ${ours[index]}, ${node[index]}`,
        )
      }
      if (why !== '') used.add(why)
      const last = rows.at(-1)
      if (
        last?.argument === call.argument &&
        last.ours === ours[index] &&
        last.node === node[index] &&
        last.why === why
      ) {
        last.given.push(call.given)
      } else {
        rows.push({
          argument: call.argument,
          given: [call.given],
          ours: ours[index]!,
          node: node[index]!,
          why,
        })
      }
    }
    const lines = rows.map(
      (row) =>
        `| ${row.argument && `\`${row.argument}\``} | ${row.given.join('; ')} | ${row.ours} | ${row.node} | ` +
        `${row.why && mark(row.why)} |`,
    )
    return [
      `### ${name}`,
      '',
      '| argument | given | wasiexec | node:wasi | why |',
      '| --- | --- | --- | --- | --- |',
      ...lines,
    ].join('\n')
  })
  const reasons = Object.entries(REASONS)
    .filter(([name]) => used.has(name as Reason))
    .map(([name, text]) => `<a id="${name}"></a>**${name}**: ${text}`)
  return [...sections, '## Why', ...reasons].join('\n\n')
}
