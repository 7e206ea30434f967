import test from 'ava'
import { node } from '../support/child.ts'
import { growth, HELD_ARGUMENTS, type Held } from '../support/held.ts'

/** Runs guests of all kinds for a while and tells what the process holds meanwhile. */
const SCRIPT = `
  const names = ['hello', 'trap-unreachable', 'trap-stack-overflow', 'flood', 'print-both', 'component-hello', 'cat']
  const programs = await Promise.all(names.map(wat))
  const options = [{}, {}, {}, { limits: { outputBytes: 20_000 } }, {}, {}, { stdin: 'x'.repeat(1000) }]
  const RUNS = 100_000
  const BATCH = 500
  const end = performance.now() + 20_000
  const samples = []
  let done = 0
  while (done < RUNS && performance.now() < end) {
    const running = Array.from({ length: BATCH }, (_, index) => {
      const at = (done + index) % names.length
      return programs[at].run({ ...options[at], signal: index % 50 ? undefined : new AbortController().signal })
    })
    const outcomes = await Promise.all(running)
    if (outcomes.some(({ kind }) => kind === 'abort')) throw new Error('aborted')
    done += BATCH
    if (done % (RUNS / 20) === 0) samples.push(await held())
  }
  console.log(JSON.stringify({ done, samples }))`

test('memory stays where it is over many runs', async (t) => {
  const child = await node(SCRIPT, { nodeArguments: HELD_ARGUMENTS })
  t.is(child.code, 0, child.stderr)
  const { done, samples } = JSON.parse(child.stdout) as { done: number; samples: Held[] }
  t.true(samples.length >= 2)
  const { heap, buffers, native } = growth(samples)
  const kib = [heap, buffers, native].map((bytes) => bytes >> 10)
  t.log(`${done} runs; ${kib[0]} KiB more on the heap, ${kib[1]} in buffers, ${kib[2]} in all else`)
  t.true(heap < 2 << 20)
  t.true(buffers < 8 << 20)
  t.true(native < 32 << 20)
  t.true(samples.every((sample) => sample.heap < 32 << 20))
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
