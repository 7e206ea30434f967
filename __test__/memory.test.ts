import test from 'ava'
import { node } from './child.ts'

/** Runs guests of all kinds for a while and tells by how much the process has grown since the first tenth. */
const SCRIPT = `
  const names = ['hello', 'trap-unreachable', 'trap-stack-overflow', 'flood', 'print-both', 'component-hello', 'cat']
  const programs = await Promise.all(names.map(wat))
  const options = [{}, {}, {}, { limits: { outputBytes: 20_000 } }, {}, {}, { stdin: 'x'.repeat(1000) }]
  const RUNS = 100_000
  const BATCH = 700
  const end = performance.now() + 20_000
  let done = 0
  let first = 0
  // Without V8's heap, of which the reserve grows as it likes.
  const memory = () => {
    gc()
    const { rss, heapTotal } = process.memoryUsage()
    return rss - heapTotal
  }
  while (done < RUNS && performance.now() < end) {
    const running = Array.from({ length: BATCH }, (_, index) => {
      const at = (done + index) % names.length
      return programs[at].run({ ...options[at], signal: index % 50 ? undefined : new AbortController().signal })
    })
    const outcomes = await Promise.all(running)
    if (outcomes.some(({ kind }) => kind === 'abort')) throw new Error('aborted')
    done += BATCH
    if (first === 0 && done >= RUNS / 10) first = memory()
  }
  await new Promise((resolve) => setTimeout(resolve, 100))
  console.log(JSON.stringify({ done, grown: memory() - first, first, heap: process.memoryUsage().heapUsed }))`

test('memory stays where it is over many runs', async (t) => {
  const child = await node(SCRIPT, { nodeArguments: ['--expose-gc'] })
  t.is(child.code, 0, child.stderr)
  const { done, grown, first, heap } = JSON.parse(child.stdout) as Record<
    'done' | 'grown' | 'first' | 'heap',
    number
  >
  t.log(`${done} runs; ${grown >> 10} KiB more than after the first tenth (${first >> 20} MiB)`)
  t.true(first > 0)
  t.true(grown < 64 << 20)
  t.true(heap < 32 << 20, `${heap} bytes on the heap`)
})

test('memory stays where it is while programs are loaded and freed', async (t) => {
  const child = await node(
    `const text = (index) => Buffer.from('(module (memory (export "memory") 1) (func (export "_start") (drop (i32.const ' + index + '))))')
     let first = 0
     const memory = () => {
       gc()
       return process.memoryUsage.rss()
     }
     for (let index = 0; index < 1500; index += 1) {
       const program = await load(text(index), { cache: false })
       await program.run()
       program[Symbol.dispose]()
       if (index === 500) first = memory()
     }
     console.log(memory() - first)`,
    { nodeArguments: ['--expose-gc'] },
  )
  t.is(child.code, 0, child.stderr)
  t.log(`${Number(child.stdout) >> 10} KiB more`)
  t.true(Number(child.stdout) < 64 << 20, child.stdout)
})

test('a large output is not kept alive by a small one', async (t) => {
  const child = await node(
    `const flood = await wat('flood-argv')
     const kept = []
     const memory = () => process.memoryUsage().external
     await flood.run({ args: ['10'] })
     const before = memory()
     for (let round = 0; round < 20; round += 1) {
       const [small] = await Promise.all(['10', '4000000', '4000000'].map((bytes) => flood.run({ args: [bytes] })))
       kept.push(small)
     }
     // What was given up is freed by finalizers, which have their own pace.
     for (let round = 0; round < 100 && memory() - before > 16e6; round += 1) {
       gc()
       await new Promise(setImmediate)
     }
     console.log(memory() - before, kept.length)`,
    { nodeArguments: ['--expose-gc'] },
  )
  t.is(child.code, 0, child.stderr)
  t.true(Number.parseInt(child.stdout) < 16e6, child.stdout)
})
