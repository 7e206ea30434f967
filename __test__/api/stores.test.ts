// Run once more with each compiler.
import test from 'ava'
import {
  load,
  Runtime,
  type Outcome,
  type RunOptions,
  type ServeOptions,
} from '../support/package.ts'
import { ending, real, realPath, refusal, wat } from '../support/guest.ts'

/** What the guest prints for each of these commands. */
async function answers(commands: readonly string[], options: RunOptions = {}): Promise<string[]> {
  const outcome = await (await real('stores')).run({ ...options, args: commands })
  return lines(outcome)
}

function lines(outcome: Outcome): string[] {
  if (ending(outcome) !== 'exit 0') throw new Error(`${ending(outcome)} ${outcome.stderr}`)
  return outcome.stdout.toString().trimEnd().split('\n')
}

test('a component is told its configuration, and nothing else', async (t) => {
  const config = { mode: 'fast', 'ü ü': '', empty: '' }
  t.deepEqual(await answers(['config mode', 'config none', 'config'], { config }), [
    'Ok(Some("fast"))',
    'Ok(None)',
    'Ok([("mode", "fast"), ("ü ü", ""), ("empty", "")])',
  ])
  t.deepEqual(await answers(['config mode', 'config']), ['Ok(None)', 'Ok([])'])
})

test('buckets are those that were given; without the option none opens', async (t) => {
  const keyvalue = { a: { key: 'text', bytes: Uint8Array.of(104, 105) }, '': {} }
  t.deepEqual(
    await answers(['a open', ' open', 'b open', 'a get key', 'a get bytes', 'a get none'], {
      keyvalue,
    }),
    ['open', 'open', 'Error::NoSuchStore', 'Ok(Some("text"))', 'Ok(Some("hi"))', 'Ok(None)'],
  )
  t.deepEqual(await answers(['a open']), ['Error::AccessDenied'])
  t.deepEqual(await answers(['a open'], { keyvalue: {} }), ['Error::NoSuchStore'])
})

const CHANGES = [
  'a set key new',
  'a get key',
  'a exists key',
  'a delete key',
  'a exists key',
  'a delete key',
  'a add count 2',
  'a add count 40',
  'a get count',
  'a add text 1',
  'a add most 18446744073709551615',
  'a add most 1',
  'b get key',
]

test('handles of a bucket see the same changes, which end with the run', async (t) => {
  const keyvalue = { a: { key: 'old', text: 'no number' }, b: { key: 'of b' } }
  const expected = [
    'Ok(())',
    'Ok(Some("new"))',
    'Ok(true)',
    'Ok(())',
    'Ok(false)',
    'Ok(())',
    'Ok(2)',
    'Ok(42)',
    'Ok(Some("42"))',
    'Err(Error::Other("the value is no number"))',
    'Ok(18446744073709551615)',
    'Err(Error::Other("the number is too large"))',
    'Ok(Some("of b"))',
  ]
  for (let round = 0; round < 2; round += 1) {
    t.deepEqual(await answers(CHANGES, { keyvalue }), expected)
  }
})

test('keys are listed in pages, and many are set, read and deleted at once', async (t) => {
  t.deepEqual(await answers(['a many', 'a keys'], { keyvalue: { a: {} } }), [
    'Ok(()) Ok([Some(("key-0000", "v")), None]) Ok(())',
    '2499 in 3: ["key-0001", "key-0002", "key-0003"]',
  ])
})

test('what a guest may keep is bounded, and so is what it may open', async (t) => {
  const [filled, hoarded] = await answers(['a fill', 'a hoard'], { keyvalue: { a: {} } })
  t.is(filled, '63 MiB, then Error::Other("no room: a run may add 67108864 bytes to its buckets")')
  t.regex(hoarded!, /^\d+ more, then Error::Other\("too many buckets are open"\)$/)
})

test('log lines are lines of stderr: captured, capped and streamed with it', async (t) => {
  const program = await real('stores')
  const args = ['log info app started', 'log critical  failed']
  const outcome = await program.run({ args })
  t.deepEqual(outcome.stderr.toString(), 'INFO app: started\nCRITICAL failed\n')
  const cut = await program.run({ args, limits: { outputBytes: 10 } })
  t.is(ending(cut), 'limit output')
  t.is(cut.stderr.toString(), 'INFO app: ')
  const ignored = await program.run({ args, stderr: 'ignore' })
  t.deepEqual([ending(ignored), ignored.stderr.toString()], ['exit 0', ''])
  const guest = program.spawn({ args })
  const streamed: string[] = []
  for await (const line of guest.lines({ from: 'stderr' })) streamed.push(line)
  t.deepEqual(streamed, ['INFO app: started', 'CRITICAL failed'])
})

test('worker processes, batches and runs that wait have the same', async (t) => {
  const options = { config: { mode: 'fast' }, keyvalue: { a: { key: 'text' } } }
  const args = ['config mode', 'a get key', 'log warn app late']
  const expected = ['Ok(Some("fast"))', 'Ok(Some("text"))', 'logged']
  const program = await real('stores')
  t.deepEqual(lines(program.runSync({ ...options, args })), expected)
  for await (const { outcome } of program.batch([{ args }, { args }], { defaults: options }))
    t.deepEqual(lines(outcome!), expected)
  const jobs = ['one', 'two'].map((mode) => ({ args, config: { mode } }))
  const modes: string[] = []
  for await (const { outcome } of program.batch(jobs, { defaults: options }))
    modes.push(lines(outcome!)[0]!)
  t.deepEqual(modes, ['Ok(Some("one"))', 'Ok(Some("two"))'])
  await using runtime = new Runtime({ threads: 1, workers: 'processes' })
  const elsewhere = await load(await realPath('stores'), { runtime, cache: false })
  const outcome = await elsewhere.run({ ...options, args })
  t.deepEqual(lines(outcome), expected)
  t.is(outcome.stderr.toString(), 'WARN app: late\n')
})

test('a handler has them, anew for each request', async (t) => {
  const program = await wat('component-serve-stores')
  const cases: readonly [ServeOptions, string][] = [
    [{}, 'INFO shut\n'],
    [{ config: { mode: 'fast' }, keyvalue: { a: {} } }, 'INFO fast\nINFO open\n'],
  ]
  for (const [options, expected] of cases) {
    const printed: string[] = []
    const handler = await program.serve({
      ...options,
      onOutcome: ({ stderr }) => void printed.push(stderr.toString()),
    })
    for (let round = 0; round < 2; round += 1)
      await (await handler.fetch(new Request('http://test.example/'))).text()
    await handler.close()
    t.deepEqual(printed, [expected, expected])
  }
})

test('what is not text or bytes is refused with its place', async (t) => {
  const program = await real('stores')
  const wrong: readonly [unknown, RegExp][] = [
    [{ config: ['a'] }, /`config` must be an object, got an array/],
    [{ config: { a: 1 } }, /`config\["a"\]` must be a string, got 1/],
    [{ config: { a: '\0' } }, /`config\["a"\]` must be a string without NUL/],
    [{ config: { '\ud800': '' } }, /`config \(a name\)` must be well-formed Unicode/],
    [{ keyvalue: 'a' }, /`keyvalue` must be an object/],
    [{ keyvalue: { a: 'b' } }, /`keyvalue\["a"\]` must be an object/],
    [{ keyvalue: { a: { b: 1 } } }, /`keyvalue\["a"\]\["b"\]` must be a string or bytes, got 1/],
  ]
  for (const [options, message] of wrong) {
    const error = await refusal(program.run(options as RunOptions))
    t.is(error.code, 'ERR_INVALID_OPTION')
    t.regex(error.message, message)
  }
})

test('a module cannot have them', async (t) => {
  for (const options of [{ config: { a: 'b' } }, { keyvalue: {} }]) {
    const error = await refusal((await wat('hello')).run(options))
    t.is(error.code, 'ERR_INVALID_OPTION')
    t.regex(error.message, /core module: only components can import `wasi:(?:config|keyvalue)`/)
  }
})

test('other families of WASI are refused by name', async (t) => {
  const families = [
    'wasi:nn/tensor@0.2.0-rc-2024-10-28',
    'wasi:blobstore/blobstore@0.2.0-draft',
    'wasi:messaging/producer@0.2.0-draft',
    'wasi:sql/readwrite@0.2.0-draft',
    'wasi:tls/types@0.2.0-draft',
    'wasi:keyvalue/store@0.2.0-draft2',
    'wasi:config/store@0.3.0',
  ]
  for (const name of families) {
    const source = `(component (import "${name}" (instance (export "f" (func)))))`
    const error = await refusal((await load(Buffer.from(source))).run())
    t.is(error.code, 'ERR_UNRESOLVED_IMPORT')
    t.true(error.message.includes(`unresolved imports: ${name}`), error.message)
    t.true(error.message.includes('wasi:keyvalue@0.2.0-draft'), error.message)
  }
})
