// Run once more with worker processes, and with each compiler.
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { finished, pipeline } from 'node:stream/promises'
import { setImmediate, setTimeout } from 'node:timers/promises'
import test from 'ava'
import fc from 'fast-check'
import { Runtime, type Guest, type SpawnOptions, type WasiexecError } from '../support/package.ts'
import { ended, node, start } from '../support/child.ts'
import {
  abortReason,
  ending,
  folder,
  numbers,
  observed,
  ownWat,
  refusal,
  Sink,
  wat,
} from '../support/guest.ts'

/** What a piped guest prints, and how it ends. */
async function all(guest: Guest): Promise<[ending: string, stdout: string, stderr: string]> {
  const [stdout, stderr, outcome] = await Promise.all([
    text(guest.stdout),
    text(guest.stderr),
    guest.outcome,
  ])
  return [ending(outcome), stdout, stderr]
}

test('a guest has three pipes and an outcome with empty output', async (t) => {
  const guest = (await wat('print-both')).spawn()
  t.deepEqual(await all(guest), ['exit 2', 'out\n', 'err\n'])
  t.deepEqual(observed(await guest.outcome), ['exit 2', '', ''])
})

test('a conversation, line by line', async (t) => {
  await using guest = (await wat('cat')).spawn()
  const lines = guest.lines()
  for (const number of numbers(500)) {
    guest.stdin.write(`${number} ü\n`)
    t.deepEqual(await lines.next(), { done: false, value: `${number} ü` })
  }
  guest.stdin.end()
  t.deepEqual(await lines.next(), { done: true, value: undefined })
  t.is(ending(await guest.outcome), 'exit 0')
})

test('any chunks come back in order and whole, however they are read', async (t) => {
  const program = await wat('cat')
  const chunk = fc.oneof(
    fc.uint8Array({ maxLength: 200_000, size: 'max' }),
    fc.uint8Array({ maxLength: 5 }),
  )
  const property = fc.asyncProperty(
    fc.array(chunk, { maxLength: 12 }),
    fc.boolean(),
    async (chunks, late) => {
      const guest = program.spawn()
      const reading = late ? setTimeout(2).then(() => buffer(guest.stdout)) : buffer(guest.stdout)
      for (const bytes of chunks) {
        if (!guest.stdin.write(bytes)) await once(guest.stdin, 'drain')
      }
      guest.stdin.end()
      t.true((await reading).equals(Buffer.concat(chunks)))
      t.is(ending(await guest.outcome), 'exit 0')
    },
  )
  await fc.assert(property, { numRuns: 40 })
})

test('many small writes at once arrive as one text', async (t) => {
  const guest = (await wat('cat')).spawn()
  const words = numbers(20_000).map((number) => `${number} `)
  const reading = text(guest.stdout)
  for (const word of words) guest.stdin.write(word)
  guest.stdin.end()
  t.is(await reading, words.join(''))
})

test('a buffer may be used again once its write has called back', async (t) => {
  const guest = (await wat('cat')).spawn()
  const bytes = Buffer.alloc(40_000)
  const reading = buffer(guest.stdout)
  for (const number of numbers(20)) {
    bytes.fill(number)
    await new Promise((resolve) => guest.stdin.write(bytes, resolve))
  }
  guest.stdin.end()
  t.true((await reading).equals(Buffer.concat(numbers(20).map((n) => Buffer.alloc(40_000, n)))))
})

test('stdout is an async iterable, and can be given an encoding', async (t) => {
  const guest = (await wat('cat')).spawn({ stdin: 'ü✓🦀'.repeat(50_000) })
  let read = ''
  for await (const chunk of guest.stdout.setEncoding('utf8')) read += chunk as string
  t.is(read, 'ü✓🦀'.repeat(50_000))
  t.is(guest.stdin, null)
})

test('what was printed before the end is read after the outcome', async (t) => {
  const guest = (await wat('flood-argv')).spawn({ args: ['60000'] })
  t.is(ending(await guest.outcome), 'exit 0')
  t.is((await text(guest.stdout)).length, 60_000)
  t.is(await text(guest.stderr), '')
})

test('a guest of whose output nobody reads waits when a window is full, and can be ended', async (t) => {
  const program = await wat('flood-argv')
  const guest = program.spawn({ args: ['10000000'], limits: { timeoutMs: 200 } })
  t.is(ending(await guest.outcome), 'limit timeout')
  const length = (await buffer(guest.stdout)).length
  t.true(length >= 262_144 && length < 1_000_000, `${length}`)
  const killed = program.spawn({ args: ['10000000'] })
  await setTimeout(20)
  t.true(killed.kill('enough'))
  t.is(abortReason({ outcome: await killed.outcome } as never), 'enough')
})

test('a write waits while the guest does not read', async (t) => {
  const program = await wat('sleep-argv')
  const guest = program.spawn({ args: ['60000'] })
  let written = 0
  const chunk = Buffer.alloc(16 * 1024)
  const failed = once(guest.stdin, 'error').then(([error]) => error as NodeJS.ErrnoException)
  for (let room = true; room && written < 10_000_000; written += chunk.length) {
    room = guest.stdin.write(chunk)
    await setImmediate()
  }
  t.true(written < 1_000_000, `${written} bytes were accepted`)
  guest.kill()
  t.is((await failed).code, 'EPIPE')
  t.is((await guest.outcome).kind, 'abort')
})

test('what waits when the guest ends fails with EPIPE, which needs no listener', async (t) => {
  const guest = (await wat('read-stdin')).spawn()
  const error = await new Promise<Error | null | undefined>((resolve) => {
    guest.stdin.write(Buffer.alloc(1_000_000), resolve)
  })
  t.is((error as NodeJS.ErrnoException).code, 'EPIPE')
  t.is(ending(await guest.outcome), 'exit 0')
})

test('a write after the end fails in its callback alone', async (t) => {
  const guest = (await wat('hello')).spawn()
  const { stdin } = guest
  await guest.outcome
  const error = await new Promise<Error | null | undefined>((resolve) => stdin.write('x', resolve))
  t.is((error as NodeJS.ErrnoException).code, 'ERR_STREAM_DESTROYED')
  const other = (await wat('hello')).spawn()
  await other.outcome
  t.true(other.stdin.destroyed)
  other.stdin.write('late')
  await setImmediate()
})

test('stdin ended twice, or with a last chunk, is one end', async (t) => {
  const guest = (await wat('cat')).spawn()
  guest.stdin.end('last')
  guest.stdin.end()
  t.deepEqual(await all(guest), ['exit 0', 'last', ''])
})

test('stdin that is destroyed, with an error or without, is at its end for the guest', async (t) => {
  for (const error of [undefined, new Error('the source broke')]) {
    const guest = (await wat('cat')).spawn()
    guest.stdin.write('before')
    const closed = finished(guest.stdin).catch((reason: unknown) => reason)
    guest.stdin.destroy(error)
    t.deepEqual(await all(guest), ['exit 0', 'before', ''])
    if (error !== undefined) t.is(await closed, error)
  }
})

test('an error of stdin that is not ours needs a listener, as with any stream', async (t) => {
  const child = await node(`
    process.once('uncaughtException', (error) => console.log(error.message))
    const guest = (await wat('cat')).spawn()
    guest.stdin.destroy(new Error('mine'))
    console.log(ending(await guest.outcome))`)
  t.is(child.stdout, 'mine\nexit 0\n', child.stderr)
})

test('stdin that ends at once, before the guest has started', async (t) => {
  const guests = numbers(50).map(async () => {
    const guest = (await wat('cat')).spawn()
    guest.stdin.end()
    return all(guest)
  })
  for (const got of await Promise.all(guests)) t.deepEqual(got, ['exit 0', '', ''])
})

test('a reader that destroys stdout is a broken pipe for the guest', async (t) => {
  for (const onBrokenPipe of ['fail', 'stop'] as const) {
    const program = await wat('flood-argv')
    const guest = program.spawn({ args: ['100000000'], onBrokenPipe })
    await once(guest.stdout, 'readable')
    guest.stdout.destroy()
    const outcome = await guest.outcome
    if (onBrokenPipe === 'fail') t.true(outcome.kind === 'exit' && outcome.code > 0)
    else t.is((outcome as { reason: WasiexecError }).reason.code, 'ERR_BROKEN_PIPE')
  }
})

test('stdout that is destroyed before the guest has started is a broken pipe, too', async (t) => {
  const guest = (await wat('flood-argv')).spawn({ args: ['100000000'] })
  guest.stdout.destroy()
  const outcome = await guest.outcome
  t.true(outcome.kind === 'exit' && outcome.code > 0)
})

test('kill: the first reason counts, and only it has an effect', async (t) => {
  const guest = (await wat('loop')).spawn()
  t.true(guest.kill('first'))
  t.false(guest.kill('second'))
  t.is(abortReason({ outcome: await guest.outcome } as never), 'first')
  t.false(guest.kill())
  const done = (await wat('hello')).spawn()
  await done.outcome
  t.false(done.kill())
  t.is(ending(await done.outcome), 'exit 0')
})

test('kill without a reason is an AbortError', async (t) => {
  const guest = (await wat('sleep-hour')).spawn()
  guest.kill()
  const outcome = await guest.outcome
  t.true(outcome.kind === 'abort')
  const { reason } = outcome as { reason?: unknown }
  t.true(reason instanceof DOMException && reason.name === 'AbortError')
})

test('a signal, a disposed program and a closed runtime abort with their own reasons', async (t) => {
  const controller = new AbortController()
  const signalled = (await wat('cat')).spawn({ signal: controller.signal })
  controller.abort('signal')
  t.false(signalled.kill('late'))
  t.is(abortReason({ outcome: await signalled.outcome } as never), 'signal')

  const runtime = new Runtime()
  const program = await ownWat('cat', { runtime })
  const disposed = program.spawn()
  program[Symbol.dispose]()
  t.false(disposed.kill('late'))
  t.is(abortReason({ outcome: await disposed.outcome } as never), 'ERR_PROGRAM_CLOSED')

  const closed = (await ownWat('cat', { runtime })).spawn()
  const reading = text(closed.stdout)
  await runtime.close()
  t.is(abortReason({ outcome: await closed.outcome } as never), 'ERR_RUNTIME_CLOSED')
  t.is(await reading, '')
  t.true(closed.stdin.destroyed)
})

test('a signal that was aborted before: nothing starts, and the streams are at their end', async (t) => {
  const guest = (await wat('cat')).spawn({ signal: AbortSignal.abort('before') })
  t.deepEqual(await all(guest), ['abort', '', ''])
  t.true(guest.stdin.destroyed)
  t.false(guest.kill())
})

test('`await using` kills the guest and waits', async (t) => {
  let outer: Guest | undefined
  {
    await using guest = (await wat('loop')).spawn()
    outer = guest
  }
  t.is((await outer.outcome).kind, 'abort')
})

test('streams that are not piped are null, and do what they do for a run', async (t) => {
  const program = await wat('cat')
  const captured = program.spawn({ stdin: 'text', stdout: 'capture', stderr: 'ignore' })
  t.deepEqual([captured.stdin, captured.stdout, captured.stderr], [null, null, null])
  t.deepEqual(observed(await captured.outcome), ['exit 0', 'text', ''])
  const sink = new Sink()
  const passed = program.spawn({ stdin: Readable.from(['from a stream']), stdout: sink })
  t.is(ending(await passed.outcome), 'exit 0')
  t.is(sink.text, 'from a stream')
  const mixed = program.spawn({ stdout: 'capture' })
  mixed.stdin.end('mixed')
  t.deepEqual(observed(await mixed.outcome), ['exit 0', 'mixed', ''])
  t.deepEqual(observed(await program.spawn({ stdin: 'empty', stdout: 'capture' }).outcome), [
    'exit 0',
    '',
    '',
  ])
})

test("the text 'pipe' is given as bytes", async (t) => {
  const guest = (await wat('cat')).spawn({ stdin: Buffer.from('pipe') })
  t.is(await text(guest.stdout), 'pipe')
})

test('options that are wrong are thrown at once, and name what was expected', async (t) => {
  const program = await wat('cat')
  const wrong: [Record<string, unknown>, RegExp][] = [
    [{ stdin: 1 }, /^`stdin` must be 'pipe', a string, bytes, a Readable, an async iterable/],
    [{ stdout: 'pip' }, /^`stdout` must be 'pipe', 'capture', 'inherit', 'ignore' or a Writable/],
    [{ stderr: null }, /^`stderr` must be 'pipe'/],
    [{ stdio: 'pipe' }, /unknown option `stdio`/],
    [{ limits: { timeoutMs: -1 } }, /timeoutMs/],
  ]
  for (const [options, message] of wrong) {
    const error = await refusal(() => program.spawn(options))
    t.is(error.code, 'ERR_INVALID_OPTION')
    t.regex(error.message, message)
  }
  for (const options of [7, null, 'text', []]) {
    const error = await refusal(() => program.spawn(options as never))
    t.is(error.code, 'ERR_INVALID_OPTION')
    t.regex(error.message, /^`options` must be an object, got /)
  }
})

test('a fault of the host rejects the outcome and fails the streams, and nothing else', async (t) => {
  const guest = (await wat('cat')).spawn({ preopens: { '/': '/does/not/exist' } })
  const reading = refusal(text(guest.stdout))
  // More than a pipe takes of a guest that does not read.
  const writing = refusal(pipeline(Readable.from(['x'.repeat(1_000_000)]), guest.stdin))
  t.is((await refusal(guest.outcome)).code, 'ERR_PREOPEN')
  t.is((await reading).code, 'ERR_PREOPEN')
  t.is((await writing).code, 'ERR_PREOPEN')
  t.is((await refusal(text(guest.stderr))).code, 'ERR_PREOPEN')
  const other = (await wat('unresolved-import')).spawn()
  t.is((await refusal(other.lines().next())).code, 'ERR_UNRESOLVED_IMPORT')
})

test('a fault of the host that nobody handles is an unhandled rejection', async (t) => {
  const child = await node(`
    process.once('unhandledRejection', (error) => console.log(error.code))
    const guest = (await wat('cat')).spawn({ preopens: { '/': '/does/not/exist' } })
    guest.stdout.resume()
    guest.stdin.write('x')`)
  t.like(child, { code: 0, stdout: 'ERR_PREOPEN\n' }, child.stderr)
})

test('what a listener throws is uncaught, and other guests go on', async (t) => {
  const child = await node(`
    process.on('uncaughtException', (error) => console.log(error.message))
    const program = await wat('hello')
    const guests = Array.from({ length: 5 }, () => program.spawn())
    guests[2].stdout.on('data', () => { throw new Error('mine') })
    const rest = guests.filter((_, index) => index !== 2)
    const texts = await Promise.all(rest.map((guest) => guest.lines().next()))
    console.log(texts.map(({ value }) => value).join())
    console.log(ending(await guests[2].outcome))`)
  t.deepEqual(
    child.stdout.trim().split('\n').toSorted(),
    ['exit 0', 'hello,hello,hello,hello', 'mine'],
    child.stderr,
  )
})

test('pipes between guests', async (t) => {
  const program = await wat('cat')
  const bytes = Buffer.from(Uint8Array.from({ length: 3_000_000 }, (_, index) => (index * 7) >> 3))
  for (const connect of [
    (a: Guest, b: Guest) => void a.stdout.pipe(b.stdin),
    (a: Guest, b: Guest) => pipeline(a.stdout, new PassThrough(), b.stdin),
    (a: Guest, b: Guest) => pipeline(a.stdout, b.stdin),
  ]) {
    const [a, b] = [program.spawn(), program.spawn()]
    const reading = buffer(b.stdout)
    const connected = connect(a, b)
    a.stdin.end(bytes)
    t.true((await reading).equals(bytes))
    await connected
    t.deepEqual([ending(await a.outcome), ending(await b.outcome)], ['exit 0', 'exit 0'])
  }
})

test('an output that is destroyed before the guest starts is a broken pipe', async (t) => {
  const program = await wat('cat')
  const stopped = program.spawn({ onBrokenPipe: 'stop' })
  const failing = program.spawn()
  for (const guest of [stopped, failing]) {
    guest.stdout.destroy()
    guest.stdin.write('one line\n')
  }
  t.is(abortReason({ outcome: await stopped.outcome } as never), 'ERR_BROKEN_PIPE')
  // It exits with the errno of its write.
  t.is(ending(await failing.outcome), 'exit 64')
})

test('a pipeline of which the last guest ends early ends the first, as with `| head`', async (t) => {
  const first = (await wat('flood-argv')).spawn({ args: ['100000000'], onBrokenPipe: 'stop' })
  const last = (await wat('read-stdin')).spawn()
  const piping = refusal(pipeline(first.stdout, last.stdin))
  t.is((await text(last.stdout)).length, 4096)
  t.true(['EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'].includes((await piping).code))
  t.is(abortReason({ outcome: await first.outcome } as never), 'ERR_BROKEN_PIPE')
})

test('a file through a guest', async (t) => {
  const path = join(await folder(t), 'in')
  await writeFile(path, 'x'.repeat(1_000_000))
  const guest = (await wat('cat')).spawn()
  const reading = text(guest.stdout)
  await pipeline(createReadStream(path), guest.stdin)
  t.is((await reading).length, 1_000_000)
})

test('output over its cap ends the guest, and all up to the cap is there', async (t) => {
  const guest = (await wat('flood')).spawn({ limits: { outputBytes: 100_000 } })
  t.is((await buffer(guest.stdout)).length, 100_000)
  t.is(ending(await guest.outcome), 'limit output')
})

test('output over its cap can be dropped', async (t) => {
  const limits = { outputBytes: 100_000, onOutput: 'truncate' as const }
  const guest = (await wat('flood')).spawn({ limits })
  let length = 0
  for await (const chunk of guest.stdout) {
    length += (chunk as Buffer).length
    // It goes on for ever.
    if (length === 100_000) guest.kill()
  }
  const { kind, usage } = await guest.outcome
  t.deepEqual([kind, usage.outputTruncated, length], ['abort', true, 100_000])
})

test('guests that wait for stdin hold no thread', async (t) => {
  const runtime = new Runtime({ threads: 1 })
  t.teardown(() => runtime.close())
  const program = await ownWat('cat', { runtime })
  const guests = numbers(100).map(() => program.spawn())
  const lines = guests.map((guest) => guest.lines())
  for (const round of numbers(3)) {
    for (const [index, guest] of guests.entries()) guest.stdin.write(`${round} ${index}\n`)
    const got = await Promise.all(lines.map(async (each) => (await each.next()).value as string))
    t.deepEqual(
      got,
      numbers(100).map((index) => `${round} ${index}`),
    )
  }
  for (const guest of guests) guest.stdin.end()
  for (const guest of guests) t.is(ending(await guest.outcome), 'exit 0')
})

test('the process waits for a guest, unless it is unreferenced', async (t) => {
  const waited = await node(`
    const guest = (await wat('sleep-argv')).spawn({ args: ['100'] })
    guest.unref().ref()
    guest.outcome.then((outcome) => console.log(ending(outcome)))`)
  t.like(waited, { code: 0, stdout: 'exit 0\n' }, waited.stderr)
  const left = start(`
    const guest = (await wat('sleep-hour')).spawn()
    guest.unref()
    guest.unref()
    console.log('leaves')`)
  left.stdin!.end()
  t.like(await ended(left), { code: 0, stdout: 'leaves\n' })
})

test('two runs at once keep the process alive until the last that is referenced', async (t) => {
  const child = await node(`
    const program = await wat('sleep-argv')
    const first = program.spawn({ args: ['50'] })
    program.spawn({ args: ['100'] }).outcome.then(() => console.log('second'))
    first.outcome.then(() => console.log('first'))
    first.unref()`)
  t.like(child, { code: 0, stdout: 'first\nsecond\n' }, child.stderr)
})

test('a reference to the guest or its outcome is not needed for it to end', async (t) => {
  const child = await node(
    `
    const program = await wat('sleep-argv')
    const left = Array.from({ length: 20 }, () => program.spawn({ args: ['50'] }).outcome)
    for (let round = 0; round < 5; round += 1) globalThis.gc()
    console.log((await Promise.all(left)).every((outcome) => outcome.ok))`,
    { nodeArguments: ['--expose-gc'] },
  )
  t.like(child, { code: 0, stdout: 'true\n' }, child.stderr)
})

const ODD: SpawnOptions = { stdout: 'pipe', stderr: undefined }
test('options that are undefined are the defaults', async (t) => {
  const guest = (await wat('print-both')).spawn(ODD)
  t.is(await text(guest.stdout!), 'out\n')
  t.is(await text(guest.stderr!), 'err\n')
})
