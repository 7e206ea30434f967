// Run once more with worker processes, and with each compiler.
import test from 'ava'
import fc from 'fast-check'
import { text } from 'node:stream/consumers'
import type { Guest } from '../support/package.ts'
import { drain, ending, refusal, wat } from '../support/guest.ts'

/** The lines of a text, by the plainest means. */
function expected(bytes: string): string[] {
  const lines = bytes.split('\n')
  const last = lines.pop()!
  if (last !== '') lines.push(last)
  return lines.map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line))
}

const TEXTS: Readonly<Record<string, string>> = {
  nothing: '',
  'a line': 'one\n',
  'lines, of which the last has no line break': 'one\ntwo',
  'empty lines': '\n\n\n',
  'CRLF, and CR elsewhere': 'one\r\ntw\ro\r\n\r\nthree\r',
  'characters of all lengths': 'aü✓🦀\n🦀✓üa\n',
  'a long line': `${'x'.repeat(300_000)}\n`,
}
for (const [name, stdin] of Object.entries(TEXTS)) {
  test(`lines of ${name}`, async (t) => {
    const guest = (await wat('cat')).spawn({ stdin: Buffer.from(stdin) })
    t.deepEqual(await drain(guest.lines()), { all: expected(stdin), thrown: undefined })
    t.is(ending(await guest.outcome), 'exit 0')
  })
}

test('lines of any text in any chunks', async (t) => {
  const program = await wat('cat')
  const piece = fc.oneof(
    fc.constantFrom('\n', '\r\n', '\r', 'ü', '🦀', 'a'),
    fc.string({ unit: 'grapheme', maxLength: 20 }),
  )
  const property = fc.asyncProperty(fc.array(piece), fc.nat(7), async (pieces, size) => {
    const bytes = Buffer.from(pieces.join('').toWellFormed())
    const guest = program.spawn()
    const reading = drain(guest.lines())
    for (let at = 0; at < bytes.length; at += size + 1) {
      guest.stdin.write(bytes.subarray(at, at + size + 1))
      await new Promise((resolve) => setImmediate(resolve))
    }
    guest.stdin.end()
    t.deepEqual((await reading).all, expected(bytes.toString()))
  })
  await fc.assert(property, { numRuns: 60 })
})

test('bytes that are not UTF-8 become replacement characters', async (t) => {
  const guest = (await wat('cat')).spawn({ stdin: Buffer.from([0x61, 0xff, 0x0a, 0xc3]) })
  t.deepEqual((await drain(guest.lines())).all, ['a\u{fffd}', '\u{fffd}'])
})

test('lines of stderr', async (t) => {
  const guest = (await wat('print-both')).spawn()
  t.deepEqual((await drain(guest.lines({ from: 'stderr' }))).all, ['err'])
  t.deepEqual((await drain(guest.lines())).all, ['out'])
})

test('a line may be as long as `maxLineBytes`, and no longer', async (t) => {
  const program = await wat('cat')
  for (const end of ['\n', '\r\n', '']) {
    const guest = program.spawn({ stdin: `${'x'.repeat(10)}${end}` })
    t.deepEqual((await drain(guest.lines({ maxLineBytes: 10 }))).all, ['x'.repeat(10)])
  }
  for (const line of ['x'.repeat(11), 'x'.repeat(200_000), `${'x'.repeat(11)}\nmore\n`, '🦀🦀🦀']) {
    const guest = program.spawn({ stdin: `one\n${line}` })
    const { all, thrown } = await drain(guest.lines({ maxLineBytes: 10 }))
    t.deepEqual(all, ['one'])
    t.like(thrown, { code: 'ERR_LINE_TOO_LONG', name: 'WasiexecError' })
    t.regex((thrown as Error).message, /stdout.*`maxLineBytes`, 10 bytes/)
    await guest.outcome
  }
})

test('a guest that prints one endless line is ended by it, with little memory', async (t) => {
  const guest = (await wat('flood-argv')).spawn({ args: ['1000000000'], onBrokenPipe: 'stop' })
  t.like((await drain(guest.lines())).thrown, { code: 'ERR_LINE_TOO_LONG' })
  t.is((await guest.outcome).kind, 'abort')
})

test('leaving the loop destroys the stream, unless that is not wanted', async (t) => {
  const program = await wat('cat')
  const left = program.spawn({ stdin: 'one\ntwo\nthree\n' })
  for await (const line of left.lines()) {
    t.is(line, 'one')
    break
  }
  t.true(left.stdout.destroyed)
  t.deepEqual((await drain(left.lines())).all, [])

  const kept = program.spawn()
  kept.stdin.write('one\ntwo\nthree\n')
  for await (const line of kept.lines({ destroyOnReturn: false })) {
    t.is(line, 'one')
    break
  }
  t.false(kept.stdout.destroyed)
  kept.stdin.end()
  t.deepEqual((await drain(kept.lines())).all, ['two', 'three'])
})

test('lines that are asked for before they come, and by two loops, are each given once', async (t) => {
  const guest = (await wat('cat')).spawn()
  const [a, b] = [guest.lines(), guest.lines()]
  const asked = [a.next(), b.next(), a.next(), b.next()]
  guest.stdin.end('1\n2\n3\n')
  const got = await Promise.all(asked)
  t.deepEqual(
    got.map(({ value }) => value as unknown),
    ['1', '2', '3', undefined],
  )
  t.deepEqual(await a.next(), { done: true, value: undefined })
})

test('lines are read as they are asked for: the guest waits', async (t) => {
  const guest = (await wat('flood-argv')).spawn({
    args: ['10000000'],
    limits: { timeoutMs: 200 },
    stderr: 'ignore',
  })
  const lines = guest.lines({ maxLineBytes: 2 ** 30 })
  t.is(ending(await guest.outcome), 'limit timeout')
  const { all } = await drain(lines)
  t.true(all.join('').length < 1_000_000)
})

test('a stream with an encoding has lines, too', async (t) => {
  const guest = (await wat('cat')).spawn({ stdin: 'ü\n🦀' })
  guest.stdout.setEncoding('utf8')
  t.deepEqual((await drain(guest.lines())).all, ['ü', '🦀'])
})

test('the lines of a guest that is killed end after what it printed', async (t) => {
  const guest = (await wat('print-then-loop')).spawn()
  const lines = guest.lines()
  t.is((await lines.next()).value, 'before')
  guest.kill()
  t.deepEqual(await lines.next(), { done: true, value: undefined })
})

test('options of lines that are wrong are thrown at once', async (t) => {
  const guest = (await wat('hello')).spawn({ stderr: 'ignore' })
  const wrong: [Record<string, unknown>, RegExp][] = [
    [{ from: 'stdin' }, /^`from` must be 'stdout' or 'stderr', got "stdin"/],
    [{ from: 'stderr' }, /^`from` must be a stream that is piped, got "stderr"/],
    [{ maxLineBytes: 0 }, /^`maxLineBytes` must be a positive integer/],
    [{ maxLineBytes: 1.5 }, /^`maxLineBytes` must be/],
    [{ destroyOnReturn: 'no' }, /^`destroyOnReturn` must be a boolean/],
    [{ form: 'stdout' }, /unknown option `form`; did you mean|known options: from/],
  ]
  for (const [options, message] of wrong) {
    const error = await refusal(() => guest.lines(options))
    t.is(error.code, 'ERR_INVALID_OPTION')
    t.regex(error.message, message)
  }
  t.is(await text(guest.stdout), 'hello\n')
})

test('a line that is waited for does not come once the stream is destroyed, though the guest goes on', async (t) => {
  const program = await wat('cat')
  const ways: Record<string, (guest: Guest, loop: AsyncIterableIterator<string>) => unknown> = {
    'the loop is left': (_, loop) => loop.return!(),
    'another loop is left': (guest) => guest.lines().return!(),
    'the stream is destroyed': (guest) => guest.stdout.destroy(),
  }
  for (const [way, destroy] of Object.entries(ways)) {
    const guest = program.spawn()
    const loop = guest.lines()
    const asked = [loop.next(), loop.next()]
    await destroy(guest, loop)
    for (const read of [...asked, guest.lines().next()]) t.true((await read).done, way)
    // It has waited all the time.
    t.true(guest.kill(), way)
    t.is((await guest.outcome).kind, 'abort', way)
  }
  const failed = program.spawn()
  const read = failed.lines().next()
  failed.stdout.on('error', () => {}).destroy(new Error('mine'))
  t.is((await refusal(read)).message, 'mine')
  t.true(failed.kill())
})
