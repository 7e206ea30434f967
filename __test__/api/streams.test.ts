// Run once more with worker processes, with each compiler, and through spawn.
import { createReadStream, createWriteStream } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough, Readable, Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { setImmediate } from 'node:timers/promises'
import test from 'ava'
import fc from 'fast-check'
import { load, WasiexecError, type RunOptions } from '../support/package.ts'
import { ended, node, start } from '../support/child.ts'
import { deferred, ending, folder, observed, refusal, Sink, wat } from '../support/guest.ts'

async function* generate(...chunks: (string | Uint8Array)[]): AsyncGenerator<string | Uint8Array> {
  for (const chunk of chunks) {
    await setImmediate()
    yield chunk
  }
}

/** An iterator's source that counts what it was asked. */
function source(chunks: Iterable<unknown>): { stdin: AsyncIterable<string>; calls: string[] } {
  const calls: string[] = []
  const iterator = chunks[Symbol.iterator]()
  const stdin = {
    [Symbol.asyncIterator]: () => ({
      next: () => {
        calls.push('next')
        return Promise.resolve(iterator.next() as IteratorResult<string>)
      },
      return: () => {
        calls.push('return')
        return Promise.resolve({ done: true as const, value: undefined })
      },
    }),
  }
  return { stdin, calls }
}

const SOURCES: Readonly<Record<string, () => RunOptions['stdin']>> = {
  'a Readable of bytes': () =>
    Readable.from([Buffer.from('one '), Buffer.from('two')], { objectMode: false }),
  'a Readable of strings in object mode': () => Readable.from(['one ', 'two']),
  'a PassThrough': () => new PassThrough().end('one two'),
  'a Readable with an encoding': () => Readable.from([Buffer.from('one two')]).setEncoding('utf8'),
  'an async generator': () => generate('one ', Buffer.from('two')),
  'a web ReadableStream': () => new Blob(['one two']).stream(),
  'a fetched body': () => new Response('one two').body!,
  'chunks of nothing in between': () => generate('', 'one ', new Uint8Array(), '', 'two', ''),
}
for (const [name, make] of Object.entries(SOURCES)) {
  test(`stdin from ${name}`, async (t) => {
    t.deepEqual(observed(await (await wat('cat')).run({ stdin: make() })), [
      'exit 0',
      'one two',
      '',
    ])
  })
}

test('stdin from any chunks arrives in order and whole', async (t) => {
  const program = await wat('cat')
  const chunk = fc.oneof(
    fc.uint8Array({ maxLength: 70_000, size: 'max' }),
    fc.string({ unit: 'grapheme' }),
  )
  const property = fc.asyncProperty(fc.array(chunk, { maxLength: 12 }), async (chunks) => {
    const { stdout } = await program.run({ stdin: generate(...chunks) })
    t.true(stdout.equals(Buffer.concat(chunks.map((bytes) => Buffer.from(bytes as string)))))
  })
  await fc.assert(property, { numRuns: 50 })
})

test('a source that throws is ERR_STREAM with its error as the cause', async (t) => {
  const cause = new Error('the disk is gone')
  async function* broken(): AsyncGenerator<string> {
    yield 'before'
    throw cause
  }
  const failing = new Readable({ read: () => void failing.destroy(cause) })
  const sources = [broken(), Readable.from(broken()), failing, ReadableStream.from(broken())]
  for (const stdin of sources) {
    const error = await t.throwsAsync((await wat('cat')).run({ stdin }), {
      instanceOf: WasiexecError,
    })
    t.is((error as WasiexecError).code, 'ERR_STREAM')
    t.is(error?.cause, cause)
    t.regex(error!.message, /`stdin` failed: the disk is gone/)
  }
})

test('a chunk that is neither text nor bytes is named', async (t) => {
  const stdin = Readable.from([1, 2])
  const error = await refusal((await wat('cat')).run({ stdin }))
  t.is(error.message, '`stdin (a chunk)` must be a string or bytes, got 1')
})

test('a source that never yields is ended by the timeout', async (t) => {
  const never = new Readable({ read() {} })
  const running = (await wat('cat')).run({ stdin: never, limits: { timeoutMs: 50 } })
  t.is(ending(await running), 'limit timeout')
  await finished(never).catch(() => {})
  t.true(never.destroyed)
})

test('a source is closed when the guest ends before it', async (t) => {
  const program = await wat('read-stdin')
  const readable = new Readable({ read: () => void readable.push('endless\n') })
  t.is(ending(await program.run({ stdin: readable })), 'exit 0')
  await finished(readable).catch(() => {})
  t.true(readable.destroyed)

  let closed = false
  async function* endless(): AsyncGenerator<string> {
    try {
      for (;;) yield 'endless\n'
    } finally {
      closed = true
    }
  }
  await program.run({ stdin: endless() })
  await setImmediate()
  t.true(closed)

  const cancelled = deferred<void>()
  const web = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(Buffer.from('endless\n')),
    cancel: () => cancelled.resolve(),
  })
  await program.run({ stdin: web })
  await cancelled.promise
})

test('a source of which the guest reads nothing is closed, too', async (t) => {
  const program = await wat('hello')
  const readable = Readable.from(['unread'])
  t.is(ending(await program.run({ stdin: readable })), 'exit 0')
  await setImmediate()
  t.true(readable.destroyed, 'Readable')
  const { stdin, calls } = source(['unread'])
  await program.run({ stdin })
  t.deepEqual(calls, ['return'])
})

test('a source of a run that never starts is closed', async (t) => {
  const program = await wat('cat')
  const readable = Readable.from(['unread'])
  await program.run({ stdin: readable, signal: AbortSignal.abort() })
  await setImmediate()
  t.true(readable.destroyed)
})

test('a source that fails before the guest has read is no uncaught error', async (t) => {
  const child = await node(`
    import { createReadStream } from 'node:fs'
    import { once } from 'node:events'
    const sleeper = await wat('sleep-argv')
    const stdin = createReadStream('/does/not/exist')
    const outcome = await sleeper.run({ args: ['200'], stdin }).catch((error) => error)
    console.log(outcome.code === 'ERR_STREAM' || ending(outcome) === 'exit 0')
    console.log(ending(await (await wat('hello')).run()))`)
  t.like(child, { code: 0, stdout: 'true\nexit 0\n' }, child.stderr)
})

const ODD_RETURNS: Readonly<Record<string, unknown>> = {
  throws: () => {
    throw new Error('cannot return')
  },
  'answers no promise': () => undefined,
  rejects: () => Promise.reject(new Error('cannot return')),
  'is null': null,
}
for (const [name, end] of Object.entries(ODD_RETURNS)) {
  test(`a source whose return() ${name} disturbs no run`, async (t) => {
    const [hello, args] = [await wat('hello'), await wat('args')]
    const iterator = { next: () => Promise.resolve({ done: true, value: undefined }), return: end }
    const stdin = { [Symbol.asyncIterator]: () => iterator } as AsyncIterable<string>
    const odd = hello.run({ stdin })
    const others = Array.from({ length: 20 }, (_, index) => args.run({ args: [String(index)] }))
    t.is(ending(await odd), 'exit 0')
    for (const [index, outcome] of (await Promise.all(others)).entries()) {
      t.is(outcome.stdout.toString(), `args.wat\n${index}\n`)
    }
  })
}

test('a source whose iterator cannot be had is ERR_STREAM when the guest reads', async (t) => {
  const stdin: AsyncIterable<string> = {
    [Symbol.asyncIterator]() {
      throw new Error('not to be had')
    },
  }
  const error = await refusal((await wat('cat')).run({ stdin }))
  t.is(error.code, 'ERR_STREAM')
  t.regex(error.message, /not to be had/)
})

test('a source is asked no further than the guest reads', async (t) => {
  const { stdin, calls } = source(Array.from({ length: 100 }, () => 'x'.repeat(10)))
  const outcome = await (await wat('read-stdin')).run({ stdin })
  t.is(outcome.stdout.toString(), 'x'.repeat(10))
  t.deepEqual(calls, ['next', 'return'])
})

test('8 MiB flow from a stream to a slow Writable, whole and with bounded buffering', async (t) => {
  const size = 8 << 20
  const chunk = Buffer.from(Uint8Array.from({ length: 32 << 10 }, (_, index) => (index * 31) >> 2))
  let [sent, received, most] = [0, 0, 0]
  async function* produce(): AsyncGenerator<Uint8Array> {
    for (; sent < size; sent += chunk.length) {
      most = Math.max(most, sent - received)
      yield chunk
    }
  }
  const stdout = new Writable({
    write(bytes: Buffer, _, done) {
      for (let at = 0; at < bytes.length;) {
        const from = (received + at) % chunk.length
        const length = Math.min(bytes.length - at, chunk.length - from)
        if (bytes.compare(chunk, from, from + length, at, at + length) !== 0) {
          done(new Error(`wrong at ${received + at}`))
          return
        }
        at += length
      }
      received += bytes.length
      globalThis.setImmediate(done)
    },
  })
  const outcome = await (await wat('cat')).run({ stdin: produce(), stdout })
  t.is(ending(outcome), 'exit 0')
  await setImmediate()
  if (received < size) await new Promise((resolve) => stdout.end(resolve))
  t.is(received, size)
  t.true(most < 1 << 20, `${most} bytes were in flight`)
})

test('a Writable is not ended, and can serve many runs', async (t) => {
  const stdout = new Sink()
  const program = await wat('hello')
  for (let round = 0; round < 20; round += 1) await program.run({ stdout })
  t.is(stdout.text, 'hello\n'.repeat(20))
  t.false(stdout.writableEnded)
  t.deepEqual([stdout.listenerCount('error'), stdout.listenerCount('close')], [0, 0])
})

test('a Writable serves runs at the same time without a warning', async (t) => {
  const warnings: string[] = []
  const onWarning = (warning: Error): void => void warnings.push(warning.message)
  process.on('warning', onWarning)
  t.teardown(() => process.off('warning', onWarning))
  const stdout = new Sink()
  const program = await wat('hello')
  await Promise.all(Array.from({ length: 50 }, () => program.run({ stdout })))
  await setImmediate()
  t.is(stdout.text, 'hello\n'.repeat(50))
  t.deepEqual(warnings, [])
})

test('a run that never starts leaves no listeners on its Writable', async (t) => {
  const stdout = new Sink()
  await (await wat('hello')).run({ stdout, signal: AbortSignal.abort() })
  t.deepEqual([stdout.listenerCount('error'), stdout.listenerCount('close')], [0, 0])
})

test('all output is with the Writable when the outcome is there', async (t) => {
  const [stdout, stderr] = [new Sink(), new Sink()]
  const outcome = await (await wat('flood-argv')).run({ args: ['1000000'], stdout, stderr })
  t.deepEqual(observed(outcome), ['exit 0', '', ''])
  t.is(stdout.text.length + stdout.writableLength, 1_000_000)
})

test('a Writable in another process: a file', async (t) => {
  const path = join(await folder(t), 'out')
  const stdout = createWriteStream(path)
  await (await wat('flood-argv')).run({ args: ['500000'], stdout })
  stdout.end()
  await finished(stdout)
  t.is((await readFile(path, 'latin1')).length, 500_000)
  await writeFile(path, 'from a file')
  const outcome = await (await wat('cat')).run({ stdin: createReadStream(path) })
  t.is(outcome.stdout.toString(), 'from a file')
})

test('components print to Writables', async (t) => {
  for (const guest of ['component-hello', 'component-p3-hello']) {
    const stdout = new Sink()
    t.is(ending(await (await wat(guest)).run({ stdout })), 'exit 0', guest)
    t.is(stdout.text, 'hello\n', guest)
  }
})

test('a Writable that is destroyed midway ends the guest by its own errno', async (t) => {
  const stdout = new Sink()
  const source = generate(...Array.from({ length: 1000 }, () => 'x'.repeat(10_000)))
  const running = (await wat('cat')).run({ stdin: source, stdout })
  await stdout.until('x')
  stdout.destroy()
  // EPIPE of WASI 0.1.
  t.is(ending(await running), 'exit 64')
  t.is(ending(await (await wat('hello')).run()), 'exit 0')
})

test('a guest that does not care goes on after its Writable was destroyed', async (t) => {
  const stdout = new Sink()
  const running = (await wat('flood')).run({ stdout, limits: { timeoutMs: 300 } })
  await stdout.until('0')
  stdout.destroy()
  t.is(ending(await running), 'limit timeout')
})

test('a Writable that was ended before is as one that nobody reads', async (t) => {
  const stdout = new Sink()
  stdout.end()
  const outcome = await (await wat('cat')).run({ stdin: 'x'.repeat(1_000_000), stdout })
  t.is(outcome.kind, 'exit')
  t.false(outcome.ok)
})

const FAILING: Readonly<Record<string, (cause: Error) => Writable>> = {
  'in its callback': (cause) => new Writable({ write: (_, __, done) => done(cause) }),
  'by throwing': (cause) =>
    new Writable({
      write: () => {
        throw cause
      },
    }),
  'by being destroyed with an error': (cause) => {
    const writable = new Writable({ write: () => void writable.destroy(cause) })
    return writable
  },
}
for (const [how, make] of Object.entries(FAILING)) {
  test(`a Writable that fails ${how} is ERR_STREAM with its error as the cause`, async (t) => {
    const cause = new Error('no space left')
    const [cat, hello] = [await wat('cat'), await wat('hello')]
    const stdout = make(cause)
    const failing = cat.run({
      stdin: generate('a', 'b', 'c'),
      stdout,
      limits: { timeoutMs: 10_000 },
    })
    const others = Array.from({ length: 20 }, () => hello.run())
    const error = await t.throwsAsync(failing, { instanceOf: WasiexecError })
    t.is((error as WasiexecError).code, 'ERR_STREAM')
    t.is(error?.cause, cause)
    t.true((await Promise.all(others)).every((outcome) => outcome.ok))
  })
}

test('a Writable of which a callback never comes is ended by the timeout', async (t) => {
  const stdout = new Writable({ write() {} })
  const outcome = await (await wat('flood')).run({ stdout, limits: { timeoutMs: 50 } })
  t.is(ending(outcome), 'limit timeout')
})

test('a locked web stream is refused by name', async (t) => {
  const stdin = new ReadableStream<Uint8Array>()
  stdin.getReader()
  const error = await refusal((await wat('cat')).run({ stdin }))
  t.is(error.name, 'WasiexecError')
  t.regex(error.message, /stdin/)
})

test('process.stdin and process.stdout can be given and go on afterwards', async (t) => {
  const child = await node(
    `const program = await wat('cat')
     await program.run({ stdin: process.stdin, stdout: process.stdout })
     const hello = await wat('hello')
     await hello.run({ stdin: process.stdin, stdout: process.stdout, stderr: process.stderr })
     console.log('and on')`,
    { stdin: 'through\n' },
  )
  t.like(child, { code: 0, stdout: 'through\nhello\nand on\n' }, child.stderr)
})

test('process.stdin goes on for others after a guest has read a part', async (t) => {
  const child = await node(
    `const program = await wat('read-stdin')
     const outcome = await program.run({ stdin: process.stdin })
     let rest = 0
     for await (const chunk of process.stdin) rest += chunk.length
     console.log(outcome.stdout.length > 0, rest > 0)`,
    { stdin: 'x'.repeat(1_000_000) },
  )
  t.like(child, { code: 0, stdout: 'true true\n' }, child.stderr)
})

test('what comes on process.stdin after a guest has given up is for the next', async (t) => {
  const child = start(`
    const program = await wat('cat')
    const limits = { timeoutMs: 100 }
    console.log(ending(await program.run({ stdin: process.stdin, limits })))
    console.log(...observed(await program.run({ stdin: process.stdin })))`)
  child.stdout!.once('data', () => child.stdin!.end('late'))
  t.like(await ended(child), { code: 0, stdout: 'limit timeout\nexit 0 late \n' })
})

test('a Writable that fails after the run has ended is no uncaught error', async (t) => {
  const child = await node(`
    import { createWriteStream } from 'node:fs'
    const program = await wat('hello')
    const stdout = createWriteStream('/does/not/exist')
    const outcome = await program.run({ stdout }).catch((error) => error)
    await new Promise((resolve) => setTimeout(resolve, 100))
    console.log(outcome.code)`)
  t.is(child.code, 0, child.stderr)
  t.regex(child.stdout, /^(0|ERR_STREAM)\n$/)
})

test('a source of stdin may throw what has no words', async (t) => {
  async function* stdin(): AsyncGenerator<string> {
    yield 'a'
    throw Object.create(null)
  }
  const { code, message } = await refusal((await wat('cat')).run({ stdin: stdin() }))
  t.is(code, 'ERR_STREAM')
  t.regex(message, /^the stream given as `stdin` failed: /)
})

test('a Writable whose `write` throws is left without listeners', async (t) => {
  const stdout = new Sink()
  stdout.write = () => {
    throw new Error('full')
  }
  t.is((await refusal((await wat('hello')).run({ stdout }))).code, 'ERR_STREAM')
  t.deepEqual([stdout.listenerCount('error'), stdout.listenerCount('close')], [0, 0])
})

test('what a stream runs while it is closed does not change the outcome', async (t) => {
  const other = await wat('hello')
  const program = await load(
    Buffer.from(`(module
      (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (memory (export "memory") 1)
      (data (i32.const 0) "\\10\\00\\00\\00\\40\\00\\00\\00")
      (func (export "_start")
        (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
        (call $exit (i32.const 7))))`),
  )
  for (let run = 0; run < 20; run += 1) {
    let closed = 0
    const stdin = new Readable({
      read() {
        this.push('quit\n')
      },
      destroy(error, done) {
        closed += 1
        t.is(ending(other.runSync()), 'exit 0')
        done(error)
      },
    })
    const outcome = await program.run({ stdin })
    t.deepEqual([ending(outcome), `${outcome.stdout}`, closed], ['exit 7', '', 1])
  }
})
