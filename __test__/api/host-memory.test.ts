import test from 'ava'
import { node } from '../support/child.ts'
import { growth, HELD_ARGUMENTS, type Held } from '../support/held.ts'

const GUEST = (calls: number): string => `
  const program = await load(new TextEncoder().encode(\`(module
    (import "env" "f" (func $f (param i32 i64) (result i64)))
    (memory (export "memory") 1)
    (func (export "_start") (local $i i32)
      (loop $again
        (drop (call $f (local.get $i) (i64.const 1)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $i) (i32.const ${calls}))))))\`), { cache: false })
  const samples = []
`

const SCRIPTS: readonly [what: string, calls: number, script: string][] = [
  [
    'calls from runSync',
    1_000_000,
    `${GUEST(50_000)}
     let calls = 0
     const f = (index, more, { memory }) => {
       calls += 1
       if (index % 10 === 0) memory.write(index % 1000, memory.read(index % 1000, 8))
       return more
     }
     for (let round = 0; round < 20; round += 1) {
       if (!program.runSync({ imports: { env: { f } } }).ok) throw new Error('failed')
       samples.push(await held())
     }`,
  ],
  [
    'calls from run',
    100_000,
    `${GUEST(100)}
     let calls = 0
     const f = async (index, more, { memory }) => {
       calls += 1
       memory.readString(0, 10)
       return more
     }
     for (let round = 0; round < 20; round += 1) {
       const runs = Array.from({ length: 50 }, () => program.run({ imports: { env: { f } } }))
       for (const { ok } of await Promise.all(runs)) if (!ok) throw new Error('failed')
       samples.push(await held())
     }`,
  ],
  [
    'functions that throw, and runs that end while a promise is pending',
    10_000,
    `${GUEST(2)}
     let calls = 0
     const f = (index) => {
       calls += 1
       if (calls % 2 === 0) throw new Error('on purpose')
       return new Promise(() => {})
     }
     for (let round = 0; round < 20; round += 1) {
       const jobs = Array.from({ length: 500 }, () => ({ limits: { timeoutMs: 1 } }))
       const options = { defaults: { imports: { env: { f } } }, concurrency: 100 }
       for await (const { outcome } of program.batch(jobs, options)) {
         if (outcome.kind !== 'limit' && outcome.kind !== 'host-error') throw new Error(outcome.kind)
       }
       samples.push(await held())
     }`,
  ],
]

for (const [what, expected, script] of SCRIPTS) {
  test(`memory stays where it is over many ${what}`, async (t) => {
    const print = 'console.log(JSON.stringify({ calls, samples }))'
    const child = await node(`${script}\n${print}`, { nodeArguments: HELD_ARGUMENTS })
    t.is(child.code, 0, child.stderr)
    const { calls, samples } = JSON.parse(child.stdout) as { calls: number; samples: Held[] }
    t.true(calls >= expected * 0.9, `${calls}`)
    const { heap, buffers, native } = growth(samples)
    t.log([heap, buffers, native].map((bytes) => `${bytes >> 10} KiB`).join(', '))
    t.true(heap < 2 << 20)
    t.true(buffers < 8 << 20)
    t.true(native < 32 << 20)
  })
}
