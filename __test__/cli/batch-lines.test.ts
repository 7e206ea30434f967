// How inputs are cut into lines, whatever chunks they come in.
import test from 'ava'
import fc from 'fast-check'
import { LineBlock } from '../../cli/batch/line-block.ts'
import { LineSplitter } from '../../cli/batch/lines.ts'

type Line = [number: number, text: string | undefined, end: number, isWhole: boolean]

function split(chunks: readonly Buffer[], maxBytes?: number): Line[] {
  const splitter = new LineSplitter(maxBytes)
  const all = [...chunks.flatMap((chunk) => [...splitter.push(chunk)]), ...splitter.end()]
  return all.map(({ number, bytes, end, isWhole }) => [
    number,
    bytes?.toString('latin1'),
    end,
    isWhole,
  ])
}

/** The same from the text as a whole. */
function reference(text: string, maxBytes: number): Line[] {
  const lines = text.split('\n')
  const last = lines.pop()!
  const all = lines.map((line): [string, boolean] => [line, true])
  if (last !== '') all.push([last, false])
  let end = 0
  return all.map(([line, isWhole], index) => {
    end += line.length + (isWhole ? 1 : 0)
    const withoutBom = index === 0 ? line.replace(/^\xEF\xBB\xBF/, '') : line
    const bytes = line.length > maxBytes ? undefined : withoutBom.replace(/\r$/, '')
    return [index + 1, bytes, end, isWhole]
  })
}

test('lines do not depend on the chunks that they come in', (t) => {
  const piece = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom('\n', '\r\n', '\r', '\xEF\xBB\xBF', '\0', '') },
    fc.stringMatching(/^[a-d\xff]{0,9}$/),
  )
  fc.assert(
    fc.property(
      fc.array(piece),
      fc.array(fc.nat(20)),
      fc.integer({ min: 1, max: 30 }),
      (parts, cuts, most) => {
        const text = parts.join('')
        const chunks: Buffer[] = []
        let at = 0
        for (const cut of cuts) {
          chunks.push(Buffer.from(text.slice(at, at + cut), 'latin1'))
          at += cut
        }
        chunks.push(Buffer.from(text.slice(at), 'latin1'))
        t.deepEqual(split(chunks, most), reference(text, most))
      },
    ),
    { numRuns: 500 },
  )
})

test('a line that is too long is none, and those around it are not concerned', (t) => {
  t.deepEqual(
    split([Buffer.from('short\n'), Buffer.from('much too'), Buffer.from(' long\nlast')], 8),
    [
      [1, 'short', 6, true],
      [2, undefined, 20, true],
      [3, 'last', 24, false],
    ],
  )
})

test('a line that is too long is not kept', (t) => {
  const splitter = new LineSplitter(1024)
  const chunk = Buffer.alloc(1024 * 1024, 'x')
  const before = process.memoryUsage().arrayBuffers
  for (let count = 0; count < 256; count += 1)
    t.deepEqual([...splitter.push(Buffer.from(chunk))], [])
  globalThis.gc?.()
  // 256 MiB came; what is not collected yet is far less than that when nothing is kept.
  t.true(process.memoryUsage().arrayBuffers - before < 200 * 1024 * 1024)
  t.is([...splitter.end()][0]!.bytes, undefined)
})

test('a block is its lines, and is too long where they are', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.stringMatching(/^[a-c]{0,6}\r?$/)),
      fc.boolean(),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 6, max: 20 }),
      (parts, isWhole, size, most) => {
        const text = parts.join('\n') + (isWhole ? '\n' : '')
        const splitter = new LineSplitter()
        const block = new LineBlock(size, most)
        const lines = [...splitter.push(Buffer.from(text)), ...splitter.end()]
        const blocks = [...lines.map((line) => block.push(line)), block.end()].filter(
          (one) => one !== undefined,
        )
        const expected = []
        for (let first = 0; first < lines.length; first += size) {
          const own = lines.slice(first, first + size)
          const bytes = own.map((line) => line.bytes!.toString()).join('\n')
          const { end, isWhole: isLastWhole } = own.at(-1)!
          expected.push({
            number: first + 1,
            bytes: bytes.length > most ? undefined : bytes,
            length: end - (lines[first - 1]?.end ?? 0) - (isLastWhole ? 1 : 0),
            end,
            isWhole: isLastWhole,
          })
        }
        t.deepEqual(
          blocks.map((one) => ({ ...one, bytes: one.bytes?.toString() })),
          expected,
        )
      },
    ),
    { numRuns: 500 },
  )
})

test('a block with a line that is too long is too long, and is not kept', (t) => {
  const splitter = new LineSplitter(8)
  const lines = [...splitter.push(Buffer.from('short\nmuch too long\nlast\n'))]
  const block = new LineBlock(3, 1024)
  t.deepEqual(
    lines.map((line) => block.push(line)),
    [undefined, undefined, { number: 1, bytes: undefined, length: 24, end: 25, isWhole: true }],
  )
  // The next one is a block like any other.
  t.is(block.push(lines[0]!), undefined)
  t.is(block.end()?.bytes?.toString(), 'short')
})
