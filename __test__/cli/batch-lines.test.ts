// How inputs are cut into lines, whatever chunks they come in.
import test from 'ava'
import fc from 'fast-check'
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
