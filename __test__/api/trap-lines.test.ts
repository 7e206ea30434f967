// Run once more with worker processes, and with each compiler.
import { writeFile, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import {
  inProcesses,
  load,
  Runtime,
  type Frame,
  type LoadOptions,
  type Outcome,
  type Program,
  type TrapInfo,
} from '../support/package.ts'
import { ending, folder, real, realPath } from '../support/guest.ts'

function trapOf(outcome: Outcome | undefined): TrapInfo {
  if (outcome?.kind !== 'trap') throw new Error(outcome && ending(outcome))
  return outcome.trap
}

/** `inner crash.c:12`. */
function shown(frame: Frame | undefined): string | undefined {
  const file = frame?.file?.split(/[\\/]/).at(-1)
  return frame && `${frame.function ?? frame.functionIndex} ${file}:${frame.line}`
}

const CRASH = ['inner crash.c:12', 'outer crash.c:16', 'main crash.c:23', '_start crash.c:28']

/** What the author of `panic` has written, and where it ends. */
const PANICS: readonly [kind: string, location: string, caller: string][] = [
  ['index', 'panic::pick panic.rs:5', 'panic::work panic.rs:11'],
  ['unwrap', 'panic::work panic.rs:12', 'panic::main panic.rs:27'],
  ['abort', 'panic::work panic.rs:13', 'panic::main panic.rs:27'],
  ['div', 'panic::work panic.rs:20', 'panic::main panic.rs:27'],
]

test('DWARF 4 and 5 tell functions, files, lines and columns', async (t) => {
  for (const guest of ['crash', 'crash-5']) {
    const { frames, location } = trapOf(await (await real(guest)).run())
    t.deepEqual(frames.map(shown), CRASH)
    t.is(location, frames[0])
    t.deepEqual([location?.column, location?.file], [12, './src/c/crash.c'])
  }
})

test("a panic of Rust has the program's own line first, whatever the machinery around it", async (t) => {
  const program = await real('panic')
  for (const [kind, at, caller] of PANICS) {
    for (const outcome of [
      await program.run({ args: [kind] }),
      program.runSync({ args: [kind] }),
    ]) {
      const { code, frames, location } = trapOf(outcome)
      t.is(code, 'unreachable')
      const index = frames.indexOf(location!)
      t.true(index > 0, kind)
      t.is(shown(location), at)
      t.is(shown(frames[index + 1]), caller)
      t.is(location!.inlined, kind === 'index' ? true : undefined)
    }
  }
})

test('batches, calls and worker processes tell the same', async (t) => {
  const program = await real('panic')
  const jobs = PANICS.map(([kind]) => ({ args: [kind] }))
  const told: TrapInfo[] = []
  for await (const { outcome } of program.batch(jobs)) told.push(trapOf(outcome))
  t.deepEqual(
    told.map(({ location }) => shown(location)),
    PANICS.map(([, at]) => at),
  )
  if (!inProcesses) {
    const instance = await program.instantiate({ args: jobs[0]!.args })
    const called = await instance.call('_start')
    if (called.kind === 'returned') throw new Error('it returned')
    t.deepEqual(trapOf(called), told[0])
  }
  await using runtime = new Runtime({ threads: 1, workers: 'processes' })
  const elsewhere = await load(await realPath('panic'), { runtime, cache: false })
  const [[kind, at]] = PANICS as [(typeof PANICS)[0]]
  t.is(shown(trapOf(await elsewhere.run({ args: [kind] })).location), at)
})

test('code from the cache and code compiled ahead have the lines of their program', async (t) => {
  const cache = await folder(t)
  const path = await realPath('crash')
  const told = async (program: Program): Promise<unknown> =>
    trapOf(await program.run()).frames.map(shown)
  for (let round = 0; round < 2; round += 1) {
    await using runtime = new Runtime({ threads: 1 })
    const program = await load(path, { cache, runtime })
    t.deepEqual(await told(program), CRASH)
    const ahead = await load(await program.serialize(), { trustPrecompiled: true, runtime })
    t.deepEqual(await told(ahead), CRASH)
  }
})

test('a snapshot has the lines of what runs as it was compiled', async (t) => {
  const program = await real('panic')
  const warm = await program.snapshot({ args: ['read'] })
  const { frames, location } = trapOf(await warm.run({ stdin: 'a line\n' }))
  const plain = trapOf(await program.run({ args: ['read'], stdin: 'a line\n' }))
  t.is(shown(plain.location), 'panic::pick panic.rs:5')
  // `work` was on the stack, so its code is a copy; what it calls is not.
  const below = plain.frames.slice(0, plain.frames.indexOf(plain.location!))
  t.deepEqual(frames.slice(0, below.length).map(shown), below.map(shown))
  t.true(location!.function!.startsWith('panic::work'), location!.function)
})

test('a trap of Go has the lines of its own tables, also where names were left out', async (t) => {
  const program = await real('go')
  const { code, frames, location } = trapOf(await program.run({ args: ['recurse'] }))
  t.is(code, 'stack-overflow')
  t.regex(shown(location)!, /^main\.\w+ main\.go:\d+$/)
  t.true(frames.filter((frame) => shown(frame) === shown(location)).length > 10)
})

test("a panic of Go is its own exit, with the program's line first in its own trace", async (t) => {
  const outcome = await (await real('go')).run({ args: ['panic'] })
  t.is(ending(outcome), 'exit 2')
  const lines = outcome.stderr.toString().split('\n')
  const first = lines.indexOf('goroutine 1 [running]:') + 1
  t.regex(lines[first]!, /^main\./)
  t.regex(lines[first + 1]!, /main\.go:\d+/)
})

/** By AssemblyScript 0.28.20, with `--sourceMap -O1`: divides by zero in the second line. */
const ASSEMBLY_SCRIPT = Buffer.from(
  'AGFzbQEAAAABBAFgAAADBAMAAAAFAwEAAAYLAn8BQQALfwFBAAsHCgEGX3N0YXJ0AAIIAQAKtAEDCgBBDCQAQQwkAQuhAQEFfyMBIQQ/ACIBQRB0' +
    'QQ9qQXBxIgAjAUEEaiICQSxqIgNJBEAgASADIABrQf//A2pBgIB8cUEQdiIAIAAgAUgbQABBAEgEQCAAQABBAEgEQAALCwsgAyQBIARBLDYCACAC' +
    'QQRrIgBBADYCBCAAQQA2AgggAEEENgIMIABBEDYCECACQRBqIgBCADcAACAAQgA3AAggAEEIaigCAEEAbRoLBAAQAQs=',
  'base64',
)
const MAP = JSON.stringify({
  version: 3,
  sources: [
    '~lib/rt/common.ts',
    'assembly/index.ts',
    '~lib/shared/runtime.ts',
    '~lib/util/number.ts',
    '~lib/util/math.ts',
    '~lib/util/string.ts',
    '~lib/util/sort.ts',
    '~lib/staticarray.ts',
    '~lib/rt/stub.ts',
  ],
  names: [],
  mappings:
    'yEQiCc,EAAZ,EArBkB,EAAlB,EACwC,EAAtB,CAA4B,EAA7B,CAAwC,EAAzC,CAAhB,EAqBU,EAAS,EAAT,CAAV,EARO,EAUS,CAtBZ,GAAJ,EAEwB,EADI,EAAY,EAAZ,CAAwB,IAAxB,CAAkC,IAAnC,CAAgD,EAAvD,CAAlB,E,KACkB,' +
    'CACd,EAA2B,EAA3B,CAAJ,EACkB,EAAZ,EAA2B,EAA3B,CAAJ,EAAkC,IAG7B,EAAT,EAgBA,E,KACO,EAiD+B,EAAzB,CAAb,E,KAEA,E,KACA,E,KACA,E,KACO,EAAM,EAAN,C,cDpCE,EAgCmC,EAA3B,CAAR,GNvFuB,EAAzB,C',
  sourceRoot: './build',
})

/** The program with the address of its map. */
function mapped(url: string): Buffer {
  const text = (value: string): Buffer => {
    const bytes = Buffer.from(value)
    return Buffer.concat([Buffer.from(unsigned(bytes.length)), bytes])
  }
  const content = Buffer.concat([text('sourceMappingURL'), text(url)])
  return Buffer.concat([ASSEMBLY_SCRIPT, Buffer.from([0, ...unsigned(content.length)]), content])
}

function unsigned(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)]
}

async function locationOf(
  source: string | Uint8Array,
  options?: LoadOptions,
): Promise<string | undefined> {
  const program = await load(source, { cache: false, ...options })
  const { location } = trapOf(await program.run())
  return location?.file && `${location.file}:${location.line}:${location.column}`
}

const LINE = 'assembly/index.ts:2:10'

test('a source map beside the program is read if its caller says so', async (t) => {
  const home = await folder(t)
  const path = join(home, 'build.wasm')
  await writeFile(path, mapped('./build.wasm.map'))
  await writeFile(join(home, 'build.wasm.map'), MAP)
  t.is(await locationOf(path, { name: 'without' }), undefined)
  t.is(await locationOf(path, { sourceMaps: true }), LINE)
  t.is(await locationOf(mapped('./build.wasm.map'), { sourceMaps: true }), undefined)
  await using runtime = new Runtime({ threads: 1, workers: 'processes' })
  t.is(await locationOf(path, { sourceMaps: true, runtime }), LINE)
})

test('a source map in the program is read in any case', async (t) => {
  const base64 = Buffer.from(MAP).toString('base64')
  t.is(await locationOf(mapped(`data:application/json;base64,${base64}`)), LINE)
  t.is(await locationOf(mapped(`data:application/json,${encodeURIComponent(MAP)}`)), LINE)
})

test('a program cannot have another file read as its source map', async (t) => {
  const home = await folder(t)
  await writeFile(join(home, 'secret.map'), MAP)
  await writeFile(join(home, 'secret.json'), MAP)
  const inside = await folder(t)
  const paths = [
    join(home, 'secret.map'),
    `../${home.split(/[\\/]/).at(-1)}/secret.map`,
    `file://${home}/secret.map`,
    'https://127.0.0.1:1/secret.map',
    'secret.json',
    'link.map',
    'folder.map',
    '',
  ]
  await symlink(join(home, 'secret.map'), join(inside, 'link.map')).catch(() => {})
  await writeFile(join(inside, 'secret.json'), MAP)
  for (const [index, url] of paths.entries()) {
    const path = join(inside, `${index}.wasm`)
    await writeFile(path, mapped(url))
    t.is(await locationOf(path, { sourceMaps: true }), undefined, url)
  }
  const path = join(inside, 'plain.wasm')
  await writeFile(path, mapped('plain.map'))
  await writeFile(join(inside, 'plain.map'), MAP)
  t.is(await locationOf(path, { sourceMaps: true }), LINE)
})

test('a source map that is none costs the lines, nothing else', async (t) => {
  const maps = [
    '',
    '{}',
    'null',
    '{"version":2,"sources":["a"],"mappings":"AAAA"}',
    '{"version":3,"sources":[],"mappings":"AAAA"}',
    '{"version":3,"sources":["a"],"mappings":"gggggggggggggggggggg"}',
    '{"version":3,"sources":["a"],"mappings":"A///////////////A"}',
    '{"version":3,"sources":["a"],"mappings":"AADA"}',
    '{"version":3,"sources":["a"],"mappings":"ADAA"}',
  ]
  for (const map of maps) {
    t.is(await locationOf(mapped(`data:application/json,${map}`)), undefined, map)
  }
})

test('where nothing is known of the source, the location is the first frame', async (t) => {
  const source = '(module (func $a unreachable) (func (export "_start") (call $a)))'
  const { frames, location } = trapOf(await (await load(Buffer.from(source))).run())
  t.is(location, frames[0])
  t.deepEqual(JSON.parse(JSON.stringify(location)), JSON.parse(JSON.stringify(frames[0])))
})
