// One WIT world that uses every kind of type, in several languages and by other people's tools: all are to give the same.
import test, { type ExecutionContext } from 'ava'
import {
  load,
  type AnyFunctions,
  type CallOutcome,
  type HostError,
  type Instance,
  type Limits,
  type Program,
} from '../support/package.ts'
import { callEnding, compiled, ending, folder, realPath } from '../support/guest.ts'
import {
  host,
  ROWS_OF_WORK,
  rowsOfValues,
  tours,
  withoutTools,
  type Ways,
} from '../support/tour.ts'
import { compile } from '../support/typescript.ts'

/** What differs from language to language, because its tools differ. */
interface Language extends Ways {
  /** What is said of an error that is not caught, which is a trap in a call, and how a run ends. */
  readonly crash: readonly [said: RegExp, run: string]
  /** What it prints: QuickJS has no `console`. */
  readonly prints: boolean
  /** What its tools get wrong with resources of arguments, under wasmtime's package for Python too. */
  readonly faults: readonly ('taking over' | 'another is lost')[]
}

const WHOLE = {
  largest: 2n ** 64n - 1n,
  least: -(2n ** 63n),
  parsed: 2 ** 32 - 1,
  prints: true,
  faults: [],
}

const LANGUAGES: Readonly<Record<string, Language>> = {
  rust: {
    ...WHOLE,
    crash: [/panicked at src\/lib\.rs:\d+:\d+:\nboom\n/, 'trap unreachable'],
  },
  go: { ...WHOLE, crash: [/^panic: boom\n/, 'trap unreachable'] },
  python: {
    ...WHOLE,
    crash: [/^Traceback[^]*\nValueError: boom\n/, 'trap unreachable'],
  },
  javascript: {
    ...WHOLE,
    crash: [/^boom\nStack:\n {2}crash@/, 'exit 1'],
    faults: ['another is lost'],
  },
  quickjs: {
    largest: 2n ** 53n - 1n,
    least: -(2n ** 53n) + 1n,
    parsed: 2 ** 31 - 1,
    crash: [/Error: boom|boom/, 'trap unreachable'],
    prints: false,
    faults: ['taking over'],
  },
}

const BUILT = ['python', 'javascript', 'quickjs']

/** A test for each language. */
function testOfEach(
  title: string,
  run: (t: ExecutionContext, name: string, language: Language) => Promise<void>,
): void {
  for (const [name, language] of Object.entries(LANGUAGES)) {
    const skipped = withoutTools !== undefined && BUILT.includes(name)
    ;(skipped ? test.skip : test)(`${name}: ${title}`, (t) => run(t, name, language))
  }
}

type Named = Readonly<Record<string, (...args: readonly unknown[]) => Promise<unknown>>>

const programs = new Map<string, Promise<Program>>()

/** Loaded once, by the compiler that is done soonest: some have 18 MB. */
function program(
  name: string,
  path: () => Promise<string> = () => tours.tour(name),
): Promise<Program> {
  let loaded = programs.get(name)
  if (loaded === undefined) {
    const options = { cache: compiled, compiler: 'baseline', name: 'tour' } as const
    programs.set(name, (loaded = path().then((found) => load(found, options))))
  }
  return loaded
}

test.before(async (t) => {
  t.timeout(600_000, 'the tools are being installed, and components are being built')
  for (const name of Object.keys(LANGUAGES)) {
    if (withoutTools === undefined || !BUILT.includes(name)) await program(name)
  }
})

/** What a call returns, by `call` and by `callSync`. */
async function returned(
  t: ExecutionContext,
  instance: Instance<AnyFunctions, HostError>,
  name: string,
  args: readonly unknown[],
): Promise<[unknown, unknown]> {
  const outcomes = [await instance.call(name, ...args), instance.callSync(name, ...args)] as const
  for (const outcome of outcomes) {
    t.is(callEnding(outcome), 'returned', `${name}: ${outcome.stderr.toString()}`)
  }
  const [a, b] = outcomes.map((outcome) =>
    outcome.kind === 'returned' ? outcome.values[0] : outcome.kind,
  )
  return [a, b]
}

testOfEach('values of every type', async (t, name, language) => {
  await using instance = await (await program(name)).instantiate({ imports: host().imports })
  const values = instance.exports['test:tour/values'] as unknown as Named
  for (const [name, args, expected] of rowsOfValues(language)) {
    const [a, b] = await returned(t, instance, `values#${name}`, args)
    t.deepEqual(a, expected, name)
    t.deepEqual(b, expected, name)
    t.deepEqual(await values[name]!(...args), expected, name)
  }
})

interface Counter extends AsyncDisposable {
  nextValue(): Promise<number>
  current(): Promise<number>
}

interface Exports {
  counters: {
    Counter: {
      create(start: number): Promise<Counter>
      merge(taken: Counter, seen: Counter): Promise<Counter>
    }
    make(start: readonly number[]): Promise<Counter[]>
    finish(taken: Counter): Promise<number>
    total(seen: readonly Counter[]): Promise<number>
  }
  'test:tour/work': object
  work: {
    drain(taken: object): Promise<number>
    look(seen: object): Promise<number>
    started(start: number): Promise<object>
    sum(start: number): Promise<number>
  }
  shout(line: string): Promise<void>
}

testOfEach('resources of the component', async (t, name, { faults }) => {
  const { imports } = host()
  const options = { imports }
  const gone = { code: 'ERR_INVALID_CALL' }
  await using instance = await (await program(name)).instantiate<Exports>(options)
  const { Counter, make, finish, total } = instance.exports.counters
  const [a, b] = [await Counter.create(5), await Counter.create(7)]
  t.is(await a.nextValue(), 6)
  t.is(await b.current(), 7)
  t.is(await total([a, b, a]), 19)
  const more = await make([1, 2, 3])
  t.is(await total([...more, b]), 13)
  for (const counter of more) await counter[Symbol.asyncDispose]()
  await t.throwsAsync(() => more[0]!.current(), gone)
  t.is(await total([]), 0)
  if (!faults.includes('taking over')) {
    const both = await Counter.merge(a, b)
    await t.throwsAsync(() => a.current(), gone)
    t.is(await both.nextValue(), 14)
    t.is(await finish(both), 14)
    await t.throwsAsync(() => finish(both), gone)
    await t.throwsAsync(() => total([b, both]), gone)
  }
  if (!faults.includes('another is lost')) t.is(await b.nextValue(), 8)
  await using other = await (await program(name)).instantiate<Exports>(options)
  await t.throwsAsync(() => other.exports.counters.total([b]), gone)
})

/** The component works with its store. */
async function works(t: ExecutionContext, instance: Instance<Exports, HostError>): Promise<void> {
  const work = instance.exports['test:tour/work'] as Named
  for (const [name, args, expected] of ROWS_OF_WORK) {
    t.deepEqual(await work[name]!(...args), expected, name)
  }
}

for (const async of [false, true]) {
  const title = `functions and resources of the host, ${async ? 'async' : 'sync'}`
  testOfEach(title, async (t, name, { faults }) => {
    const { imports, lines, dropped, Cursor } = host(async)
    await using instance = await (await program(name)).instantiate<Exports>({ imports })
    await works(t, instance)
    t.is(dropped(), 2)
    const { look, drain, started, sum } = instance.exports.work
    const cursor = new Cursor(3)
    const begun = await started(5)
    t.true(begun instanceof Cursor)
    if (!faults.includes('taking over')) {
      t.is(await look(cursor), 3)
      t.is(await look(begun), 4)
      t.is(await drain(cursor), 6)
      t.is(await drain(begun), 10)
      t.is(dropped(), 4)
    }
    t.is(await sum(100), 5050)
    await instance.exports.shout('grün')
    t.deepEqual(lines, ['GRÜN'])
  })
}

testOfEach('what the host throws ends a call', async (t, name) => {
  const { imports } = host()
  const error = new Error('broken')
  const failing = () => {
    throw error
  }
  await using instance = await (
    await program(name)
  ).instantiate({ imports: { ...imports, log: failing } })
  const outcome = await instance.call('shout', 'a')
  t.is(outcome.kind === 'host-error' && outcome.error, error)
})

testOfEach(
  'WASI: output, environment, arguments, clock, random numbers',
  async (t, name, { prints }) => {
    const { imports } = host()
    const options = {
      imports,
      args: ['one', 'zwei ü'],
      env: { COLOR: 'grün', EMPTY: '' },
      clock: { now: 1_234_567_890_123 },
      randomSeed: 7,
    }
    const random = []
    for (const seed of [7, 7, 8]) {
      await using instance = await (
        await program(name)
      ).instantiate({ ...options, randomSeed: seed })
      const printed = await instance.call('system#print', 'Grüße')
      t.deepEqual(
        [callEnding(printed), printed.stdout.toString()],
        ['returned', prints ? 'Grüße\n' : ''],
      )
      const complained = instance.callSync('system#print-error', 'oh')
      t.deepEqual(
        [callEnding(complained), complained.stderr.toString()],
        ['returned', prints ? 'oh\n' : ''],
      )
      for (const [asked, expected] of [
        ['COLOR', 'grün'],
        ['EMPTY', ''],
        ['PATH', undefined],
      ] as const) {
        t.deepEqual(await returned(t, instance, 'system#variable', [asked]), [expected, expected])
      }
      const args = ['tour', 'one', 'zwei ü']
      t.deepEqual(await returned(t, instance, 'system#arguments', []), [args, args])
      const now = 1_234_567_890_123n
      t.deepEqual(await returned(t, instance, 'system#now', []), [now, now])
      const [a, b] = await returned(t, instance, 'system#random', [16])
      t.notDeepEqual(a, b)
      random.push(a)
    }
    t.deepEqual(random[0], random[1])
    t.notDeepEqual(random[0], random[2])
  },
)

testOfEach('a long text is captured whole, and up to a cap', async (t, name, { prints }) => {
  const { imports } = host()
  const text = 'ü'.repeat(500_000)
  const line = Buffer.from(prints ? `${text}\n` : '')
  await using instance = await (await program(name)).instantiate({ imports })
  for (const printed of [
    await instance.call('system#print', text),
    instance.callSync('system#print', text),
  ]) {
    t.is(callEnding(printed), 'returned')
    t.true(printed.stdout.equals(line), `${printed.stdout.length} bytes`)
  }
  const limits = { outputBytes: 300_001 }
  const capped = await instance.with({ limits }).call('system#print', text)
  t.is(callEnding(capped), prints ? 'limit output' : 'returned')
  t.true(capped.stdout.equals(line.subarray(0, 300_001)), `${capped.stdout.length} bytes`)
})

testOfEach('how calls end otherwise', async (t, name, { crash }) => {
  const loaded = await program(name)
  const { imports } = host()
  const [said] = crash
  const cases = [
    ['crash', ['boom'], 'trap unreachable', {}],
    ['leave', [true], 'exit 0', {}],
    ['leave', [false], 'exit 1', {}],
    ['spin', [], 'limit timeout', { timeoutMs: 100 }],
    ['hoard', [], 'trap unreachable', { memoryBytes: 96 << 20 }],
    ['hoard', [], 'limit memory', { memoryBytes: 96 << 20, onMemory: 'stop' }],
  ] as const
  for (const [what, args, expected, { ...limits }] of cases) {
    for (const sync of [false, true]) {
      // The time is that of the call: on a loaded machine, an instance may take long to be made.
      const { timeoutMs, ...others } = limits as Limits
      await using instance = await loaded.instantiate({ imports, limits: others })
      const timed = timeoutMs === undefined ? instance : instance.with({ limits: { timeoutMs } })
      const name = `endings#${what}`
      const outcome = sync ? timed.callSync(name, ...args) : await timed.call(name, ...args)
      t.is(callEnding(outcome), expected, `${what}: ${outcome.stderr.toString()}`)
      if (what === 'crash') t.regex(outcome.stderr.toString(), said)
      if (what === 'hoard') t.true(outcome.usage.memoryPeakBytes <= 96 << 20)
      const after = await t.throwsAsync(() => instance.call('values#nothing'))
      t.is((after as { code?: string }).code, 'ERR_INSTANCE_OVER')
    }
  }
  await using instance = await loaded.instantiate({ imports })
  const { kind } = await instance.with({ signal: AbortSignal.timeout(50) }).call('endings#spin')
  t.is(kind, 'abort')
})

testOfEach('it is run as a command', async (t, name, { crash, prints }) => {
  const loaded = await program(name)
  const { imports } = host()
  const [, crashed] = crash
  for (const [arg, expected] of [
    ['ok', 'exit 0'],
    ['fail', 'exit 1'],
    ['leave', 'exit 1'],
    ['crash', crashed],
  ] as const) {
    const options = { imports, args: [arg] }
    for (const outcome of [await loaded.run(options), loaded.runSync(options)]) {
      t.is(ending(outcome), expected, `${arg}: ${outcome.stderr.toString()}`)
      t.is(outcome.stdout.toString(), prints ? `hello from ${name}\n` : '')
    }
  }
  const batch = loaded.batch([{}, { args: ['fail'] }, {}], { defaults: { imports } })
  const endings = []
  for await (const { outcome } of batch) endings.push(outcome && ending(outcome))
  t.deepEqual(endings, ['exit 0', 'exit 1', 'exit 0'])
})

testOfEach('calls are shared by a pool, which replaces what has ended', async (t, name) => {
  const { imports } = host(true)
  await using pool = (await program(name)).pool({ instances: 2, imports })
  const outcomes = await Promise.all([
    pool.call('values#parse', '1'),
    pool.call('endings#crash', 'boom'),
    pool.call('work#sum', 4),
    pool.with({ limits: { timeoutMs: 50 } }).call('endings#spin'),
    pool.call('values#greet', 'you'),
    pool.call('work#sum', 3),
  ])
  t.deepEqual(
    outcomes.map((outcome) =>
      outcome.kind === 'returned' ? outcome.values[0] : callEnding(outcome),
    ),
    [{ tag: 'ok', val: 1 }, 'trap unreachable', 10, 'limit timeout', 'Grüße, you!', 6],
  )
  t.is(pool.stats().replaced, 2)
})

testOfEach('the store may be another component', async (t, name, { faults }) => {
  if (withoutTools !== undefined) {
    t.log(withoutTools)
    return
  }
  const path = async () => tours.composed(name, await realPath('tour-shelf'))
  const loaded = await program(`${name} with a store`, path)
  const lines: string[] = []
  await using instance = await loaded.instantiate<Exports>({
    imports: { log: (line: string) => void lines.push(line) },
  })
  await works(t, instance)
  // Cursors are objects of neither side that JavaScript can see, and pass all the same.
  const { look, drain, started } = instance.exports.work
  const cursor = await started(5)
  if (!faults.includes('taking over')) {
    t.is(await look(cursor), 4)
    t.is(await drain(cursor), 10)
    await t.throwsAsync(() => drain(cursor), { code: 'ERR_INVALID_CALL' })
  }
  await instance.exports.shout('out')
  t.deepEqual(lines, ['OUT'])
  const wit = await loaded.wit()
  t.false(wit.includes('import test:tour/store'), wit)
})

interface Later {
  all(keys: readonly string[]): Promise<string[]>
  fail(message: string): Promise<unknown>
  sleep(milliseconds: number): Promise<number>
}

const testWithTools = withoutTools === undefined ? test : test.skip
testWithTools('async functions of WASI 0.3 in Python, in both directions', async (t) => {
  const loaded = await program('later', tours.later)
  let broken = false
  const wait = async (key: string): Promise<string> => {
    await new Promise((resolve) => setTimeout(resolve, 1))
    if (broken) throw new Error(key)
    return key.toUpperCase()
  }
  const imports = { 'test:later/slow': { wait } }
  await using instance = await loaded.instantiate<Later>({ imports })
  const { all, fail, sleep } = instance.exports
  t.deepEqual(await all(['a', 'ü', 'c']), ['A', 'Ü', 'C'])
  t.deepEqual(await all([]), [])
  t.deepEqual(await fail('oh'), { tag: 'err', val: 'oh' })
  t.is(await sleep(5), 5)
  const late = await instance.with({ limits: { timeoutMs: 50 } }).call('sleep', 60_000)
  t.is(callEnding(late as CallOutcome), 'limit timeout')
  broken = true
  await using other = await loaded.instantiate<Later>({ imports })
  const outcome = await other.call('all', ['a', 'b'])
  t.is(outcome.kind === 'host-error' && (outcome.error as Error).message, 'a')
})

test('declarations and WIT are those of the world, whatever made the component', async (t) => {
  const use = (name: string): string => `
import { load } from 'wasiexec'
import type { Counters, Exports, Imports, Store, Values } from './${name}.d.ts'
class Cursor implements Store.Cursor {
  static asked = (): number => 0
  constructor(readonly start: number) {}
  nextValue = async (): Promise<number | undefined> => this.start
}
const store: Store.Needs = {
  get: (key) => key,
  putAll: (entries) => ({ tag: 'ok', val: entries.length }),
  open: (name) => ({ tag: 'err', val: { tag: 'refused', val: name } }),
  rest: async () => 1,
  Cursor,
}
const imports: Imports = { 'test:tour/store': store, log: (line) => console.log(line.length) }
const tour = await (await load('tour.wasm')).instantiate<Exports>({ imports })
const { values, counters, work } = tour.exports
export const shapes: Values.Shape[] = await values.shapes([{ tag: 'circle', val: 1 }])
export const colour: 'red' | 'green' | 'dark-blue' | undefined = await values.nextColour('red')
const area = await values.area({ tag: 'empty' })
export const shown: string = area.tag === 'ok' ? area.val.toFixed() : area.val.tag
const counter: Counters.Counter = await counters.Counter.create(1)
export const next: number = await counter.nextValue()
export const sum: number = await work.drain(await work.started(1))
const all = tour.callSync('test:tour/values#integers', 1, 2, 3, 4n, 5, 6, 7, 8n)
if (all.kind === 'returned') all.values[0][3].toString()
// @ts-expect-error
await values.nextColour('blue')
// @ts-expect-error
await values.shapes([{ tag: 'circle' }])
`
  const files: Record<string, string> = {}
  for (const name of Object.keys(LANGUAGES)) {
    if (withoutTools !== undefined && BUILT.includes(name)) continue
    const loaded = await program(name)
    files[`${name}.d.ts`] = await loaded.types()
    files[`use-${name}.ts`] = use(name)
    const wit = await loaded.wit()
    for (const line of ['import test:tour/store@1.0.0;', 'export test:tour/values@1.0.0;']) {
      t.true(wit.includes(line), `${name}: ${line}`)
    }
    for (const line of ['record point {', 'resource cursor {', 'variant shape {']) {
      t.true(wit.includes(line), `${name}: ${line}`)
    }
  }
  const place = await folder(t)
  t.deepEqual(await compile(place, files), [])
})
