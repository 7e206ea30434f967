import { execFileSync } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { randomFillSync } from 'node:crypto'
import test from 'ava'
import fc from 'fast-check'
import { load, loadSync, run, WasiexecError, type LoadOptions } from '../support/package.ts'
import { ending, folder, ownWat, real, refusal, wat, watPath } from '../support/guest.ts'

const NO_CACHE = { cache: false }
const MAGIC = [0, 0x61, 0x73, 0x6d]
/** (module (func (export "_start"))) */
const BINARY = Buffer.from(
  '0061736d0100000001040160000003020100070a01065f737461727400000a040102000b',
  'hex',
)

const NOT_WASM: readonly [what: string, source: Uint8Array, message: RegExp][] = [
  ['no bytes', new Uint8Array(), /empty/],
  [
    'text that is no WAT',
    Buffer.from('#!/bin/sh\necho hello\n'),
    /neither a Wasm binary nor WAT text/,
  ],
  ['WAT with a mistake', Buffer.from('(module\n  (func (export "_start") (nop))\n  (fun))'), /3:4/],
  ['WAT that does not end', Buffer.from('(module'), /WAT text/],
  ['WAT that is not valid Wasm', Buffer.from('(module (func (export "_start") i32.add))'), /./],
  ['an ELF header', Buffer.from('7f454c4602010100', 'hex'), /magic number|WAT/],
  ['random bytes', randomFillSync(Buffer.alloc(5000)), /./],
  ['the magic number alone', Uint8Array.from(MAGIC), /truncated/],
  ['an unknown version', Uint8Array.from([...MAGIC, 9, 9, 9, 9]), /unknown Wasm version/],
  ['a module that is cut off', BINARY.subarray(0, BINARY.length - 5), /./],
  [
    'garbage behind the header',
    Buffer.concat([BINARY.subarray(0, 8), Buffer.alloc(100, 0xff)]),
    /./,
  ],
]
for (const [what, source, message] of NOT_WASM) {
  test(`${what}: ERR_INVALID_WASM`, async (t) => {
    const error = await t.throwsAsync(load(source, NO_CACHE), { instanceOf: WasiexecError })
    t.is((error as WasiexecError).code, 'ERR_INVALID_WASM')
    t.regex(error!.message, message)
    t.is((await refusal(() => loadSync(source, NO_CACHE))).message, error!.message)
  })
}

test('a module that is cut off anywhere is an error or a program, never a crash', async (t) => {
  const property = fc.asyncProperty(fc.nat(BINARY.length - 1), async (length) => {
    const cut = load(BINARY.subarray(0, length), NO_CACHE).then((program) => program.run())
    // Between two sections it is a module, but one that lacks its `_start`.
    t.true(['ERR_INVALID_WASM', 'ERR_NO_ENTRY_POINT'].includes((await refusal(cut)).code))
  })
  await fc.assert(property, { numRuns: 40 })
})

test('a module with any byte changed is an error or a program that ends', async (t) => {
  const index = fc.nat(BINARY.length - 1)
  const property = fc.asyncProperty(index, fc.nat(255), async (at, byte) => {
    const bytes = Uint8Array.from(BINARY)
    bytes[at] = byte
    try {
      const outcome = await (await load(bytes, NO_CACHE)).run({ limits: { timeoutMs: 1000 } })
      t.truthy(ending(outcome))
    } catch (error) {
      t.true(error instanceof WasiexecError && error.code !== 'ERR_INTERNAL', String(error))
    }
  })
  await fc.assert(property, { numRuns: 200 })
})

test('a real program that is cut off is ERR_INVALID_WASM', async (t) => {
  const { guest } = (await import(new URL('../../guests/unpack.mjs', import.meta.url).href)) as {
    guest(name: string): Promise<string>
  }
  for (const name of ['rust', 'rust-p2']) {
    const bytes = await readFile(await guest(name))
    const half = bytes.subarray(0, bytes.length >> 1)
    t.is((await refusal(load(half, NO_CACHE))).code, 'ERR_INVALID_WASM', name)
  }
})

for (const [name, start] of Object.entries({ load, run })) {
  test(`the stack of what ${name} rejects with has who waits for it`, async (t) => {
    const missing = join(await folder(t), 'missing.wasm')
    async function whoWaits(): Promise<void> {
      await start(missing)
    }
    const error = await t.throwsAsync<WasiexecError>(whoWaits)
    t.is(error.code, 'ERR_READ_FAILED')
    t.true(error.stack!.startsWith(`WasiexecError: ${error.message}\n`), error.stack)
    t.regex(error.stack!, /at async whoWaits /)
  })
}

test('a file that is missing, empty or a folder is reported with its path', async (t) => {
  const root = await folder(t)
  const paths = {
    missing: join(root, 'missing.wasm'),
    empty: join(root, 'empty'),
    folder: join(root, 'folder'),
  }
  await writeFile(paths.empty, '')
  await mkdir(paths.folder)
  for (const name of ['missing', 'folder'] as const) {
    const error = await refusal(load(paths[name], NO_CACHE))
    t.is(error.code, 'ERR_READ_FAILED', name)
    t.true(error.message.includes(paths[name]), error.message)
    t.is((await refusal(() => loadSync(paths[name], NO_CACHE))).message, error.message)
  }
  t.is((await refusal(load(paths.empty, NO_CACHE))).code, 'ERR_INVALID_WASM')
})

/** Programs that are refused for what is in them, and the code. */
const FAULTY: readonly [source: string | Uint8Array, code: string][] = [
  ['hello', 'ERR_INVALID_WASM'],
  ['(module\n  (func (export "_start") (nop))\n  (fun))', 'ERR_INVALID_WASM'],
  [BINARY.subarray(0, BINARY.length - 5), 'ERR_INVALID_WASM'],
  ['(module (memory 1 1 shared))', 'ERR_UNSUPPORTED_WASM'],
]

test('what is wrong with a program says which one, once', async (t) => {
  const root = await folder(t)
  const precompiled = await (await wat('hello')).serialize()
  const damaged = Buffer.from(precompiled)
  damaged[damaged.length - 1]! ^= 1
  const faulty: readonly (readonly [string | Uint8Array, string, LoadOptions])[] = [
    ...FAULTY.map(([source, code]) => [source, code, {}] as const),
    [precompiled, 'ERR_PRECOMPILED_UNTRUSTED', {}],
    [damaged, 'ERR_PRECOMPILED_DAMAGED', { trustPrecompiled: true }],
  ]
  for (const [index, [source, code, more]] of faulty.entries()) {
    const bytes = Buffer.from(source)
    const path = join(root, `faulty-${index}.wasm`)
    await writeFile(path, bytes)
    const options = { ...NO_CACHE, ...more }
    const { message: plain } = await refusal(load(bytes, options))
    const messages: (readonly [said: string, attempt: () => unknown])[] = [
      [plain, () => loadSync(bytes, options)],
      [`a name: ${plain}`, () => load(bytes, { ...options, name: 'a name' })],
      [`a name: ${plain}`, () => loadSync(bytes, { ...options, name: 'a name' })],
      [`${path}: ${plain}`, () => load(path, options)],
      [`${path}: ${plain}`, () => loadSync(path, options)],
      [`${path}: ${plain}`, () => load(pathToFileURL(path), { ...options, name: 'a name' })],
      [`${path}: ${plain}`, () => run(path, options)],
    ]
    for (const [message, attempt] of messages) {
      t.like(await refusal(attempt), { name: 'WasiexecError', code, message })
    }
  }
})

if (process.platform !== 'win32') {
  test('a file that need not end is not waited for', async (t) => {
    const pipe = join(await folder(t), 'pipe')
    execFileSync('mkfifo', [pipe])
    for (const path of [pipe, '/dev/zero']) {
      const error = await refusal(load(path, NO_CACHE))
      t.is(error.code, 'ERR_READ_FAILED')
      t.regex(error.message, /not a regular file/)
    }
  })
}

/** Programs that load, so that they can be looked at, and what their run is refused with. */
const UNUSABLE: readonly [guest: string, code: string, message: RegExp][] = [
  [
    'unresolved-import',
    'ERR_UNRESOLVED_IMPORT',
    /unresolved imports: env\.foo \(function \(i32\) -> i32\), env\.bar \(memory 1 page or more\); available modules: .*; of these, only functions can be given, in `imports`$/,
  ],
  ['wrong-import-type', 'ERR_UNRESOLVED_IMPORT', /fd_write/],
  [
    'no-start',
    'ERR_NO_ENTRY_POINT',
    /no `_start` function and no start section; it exports .*; to call its functions, use `instantiate`$/,
  ],
  ['start-takes-parameter', 'ERR_NO_ENTRY_POINT', /`_start` must take and return nothing/],
  ['start-is-global', 'ERR_NO_ENTRY_POINT', /`_start` must be a function, this one is a global/],
  ['reactor', 'ERR_NO_ENTRY_POINT', /is a reactor .*; to call its functions, use `instantiate`$/],
  [
    'component-no-command',
    'ERR_NO_ENTRY_POINT',
    /not a command: it exports add, .*; to call its functions, use `instantiate`$/,
  ],
  [
    'component-imports-nn',
    'ERR_UNRESOLVED_IMPORT',
    /unresolved imports: wasi:nn\/types@0\.2\.0; .*; interfaces of a host are given in `imports`$/,
  ],
  ['component-unknown-wasi', 'ERR_UNRESOLVED_IMPORT', /wasi:cli\/environment@0\.9\.0/],
]
for (const [guest, code, message] of UNUSABLE) {
  test(`${guest}: ${code}`, async (t) => {
    const program = await wat(guest)
    const error = await refusal(program.run())
    t.is(error.name, 'WasiexecError')
    t.is(error.code, code)
    t.regex(error.message, message)
    t.is((await refusal(() => program.runSync())).message, error.message)
    t.is((await refusal(program.run({ limits: { fuel: 5 } }))).code, code)
  })
}

for (const guest of ['needs-threads', 'shared-memory']) {
  test(`${guest}: ERR_UNSUPPORTED_WASM`, async (t) => {
    const error = await refusal(ownWat(guest))
    t.is(error.code, 'ERR_UNSUPPORTED_WASM')
    t.regex(error.message, /needs threads/)
    t.is((await refusal(() => loadSync(watPath(guest), NO_CACHE))).message, error.message)
  })
}

test('no bad input is a matter to the runs that follow', async (t) => {
  const bad = [
    ...NOT_WASM.map(([, source]) => refusal(load(source, NO_CACHE))),
    ...UNUSABLE.map(async ([guest]) => refusal((await wat(guest)).run())),
  ]
  const good = Array.from({ length: 20 }, async () => (await wat('hello')).run())
  t.true((await Promise.all(good)).every((outcome) => outcome.ok))
  t.is((await Promise.all(bad)).length, bad.length)
  t.is(ending(await (await real('rust')).run()), 'exit 0')
})

test('a URL in text is no path', async (t) => {
  for (const url of [pathToFileURL(watPath('hello')).href, 'https://example.com/a.wasm']) {
    const message = `\`source\` must be a path, a file: URL or bytes (a URL in text is \`new URL(text)\`), got ${JSON.stringify(url.length > 80 ? `${url.slice(0, 80)}…` : url)}`
    for (const refused of [load(url), () => loadSync(url), run(url)]) {
      const error = await refusal(refused)
      t.deepEqual([error.code, error.message], ['ERR_INVALID_OPTION', message])
    }
  }
})
