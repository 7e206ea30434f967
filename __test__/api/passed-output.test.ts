// Output that goes elsewhere: its cap, and readers that go.
import { Writable } from 'node:stream'
import test from 'ava'
import { Sink, ending, wat } from '../support/guest.ts'
import { WasiexecError, type Outcome } from '../support/package.ts'

/** A reader that goes at its first chunk. */
function leaving(): Writable {
  return new Writable({
    write(_chunk, _encoding, done) {
      done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))
    },
  })
}

function reason(outcome: Outcome): unknown {
  const { reason } = outcome.kind === 'abort' ? outcome : { reason: undefined }
  return reason instanceof WasiexecError ? reason.code : reason
}

test('a cap that is given holds to the byte for what is streamed', async (t) => {
  for (const name of ['flood', 'component-hello'] as const) {
    const stdout = new Sink()
    const program = await wat(name)
    const outcome = await program.run({ stdout, limits: { outputBytes: 4 } })
    t.is(ending(outcome), 'limit output')
    t.is(stdout.text, name === 'flood' ? '0123' : 'hell')
    t.is(outcome.stdout.length, 0)
  }
})

test('what is streamed and what is captured share the cap', async (t) => {
  const stderr = new Sink()
  const program = await wat('print-both')
  const outcome = await program.run({ stderr, limits: { outputBytes: 6 } })
  t.deepEqual(
    [ending(outcome), String(outcome.stdout), stderr.text],
    ['limit output', 'out\n', 'er'],
  )
  const enough = await program.run({ stderr, limits: { outputBytes: 8 } })
  t.is(ending(enough), 'exit 2')
})

test('the rest of what is streamed can be dropped', async (t) => {
  const stdout = new Sink()
  const program = await wat('flood-argv')
  const limits = { outputBytes: 1000, onOutput: 'truncate' } as const
  const outcome = await program.run({ args: ['100000'], stdout, limits })
  t.deepEqual([ending(outcome), stdout.text.length], ['exit 0', 1000])
  t.true(outcome.usage.outputTruncated)
})

test('without a cap as much is streamed as the program prints', async (t) => {
  let length = 0
  const stdout = new Writable({
    write(chunk: Buffer, _encoding, done) {
      length += chunk.length
      done()
    },
  })
  const bytes = 17 * 1024 * 1024
  const outcome = await (await wat('flood-argv')).run({ args: [String(bytes)], stdout })
  t.deepEqual([ending(outcome), length], ['exit 0', bytes])
})

test("with onBrokenPipe 'stop' a lost reader ends the run, with a reason", async (t) => {
  const outcome = await (await wat('flood')).run({ stdout: leaving(), onBrokenPipe: 'stop' })
  t.deepEqual([ending(outcome), reason(outcome)], ['abort', 'ERR_BROKEN_PIPE'])
  t.false(outcome.ok)
})

test('in a batch, too, and for all its jobs', async (t) => {
  const program = await wat('flood')
  const defaults = { onBrokenPipe: 'stop' } as const
  const batch = program.batch([{ stdout: leaving() }, { stderr: 'ignore', stdout: leaving() }], {
    defaults,
  })
  const reasons: unknown[] = []
  for await (const { outcome } of batch) reasons.push(outcome && reason(outcome))
  t.deepEqual(reasons, ['ERR_BROKEN_PIPE', 'ERR_BROKEN_PIPE'])
})

test('otherwise the guest sees it, and decides', async (t) => {
  const program = await wat('hello')
  t.is((await program.run({ stdout: leaving() })).kind, 'exit')
  const stopped = await (await wat('flood')).run({ stdout: leaving(), limits: { timeoutMs: 500 } })
  t.not(stopped.kind, 'abort')
})

test('the reason of another abort stays what it is', async (t) => {
  const outcome = await (
    await wat('sleep-hour')
  ).run({
    stdout: 'ignore',
    onBrokenPipe: 'stop',
    signal: AbortSignal.timeout(10),
  })
  t.is(ending(outcome), 'abort')
  t.is((reason(outcome) as DOMException).name, 'TimeoutError')
})
