// Calls of host functions, beside plain WebAssembly in V8.
import { load } from '../dist/index.mjs'
import { median, print, ratio, takeTurns } from './measure.mjs'
import { withRuntime } from './package-rates.mjs'
import { number, table, times } from './report.mjs'

/** A guest that calls `env.f` so often and adds up what it returns. */
const guest = (calls) => `(module
  (import "env" "f" (func $f (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (global $sum (mut i32) (i32.const 0))
  (func (export "_start") (local $i i32)
    (loop $again
      (global.set $sum (i32.add (global.get $sum) (call $f (local.get $i) (i32.const 1))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (i32.const ${calls}))))))`

const [SYNC, ASYNC, MANY, V8] = ['runSync()', 'run()', 'run(), 200 at a time', 'WebAssembly in V8']
const RUNS = 200

export const host = {
  about: 'calls of host functions, beside plain WebAssembly in V8',

  async run({ rounds, quick }) {
    const calls = quick ? 2_000 : 100_000
    return withRuntime({ threads: 2 }, async (runtime) => {
      const make = (count) =>
        load(new TextEncoder().encode(guest(count)), { cache: false, runtime })
      const [program, short] = [await make(calls), await make(calls / 100)]
      const v8 = new WebAssembly.Module(await program.wasm())
      let called = 0
      const f = (a, b) => {
        called += 1
        return (a + b) | 0
      }
      const later = (a, b) => Promise.resolve(f(a, b))
      /** Microseconds per call. */
      const measure = async (run) => {
        called = 0
        const start = performance.now()
        for (const outcome of await run()) if (!outcome.ok) throw new Error(outcome.kind)
        return ((performance.now() - start) * 1000) / called
      }
      const contenders = {
        [SYNC]: () => [program.runSync({ imports: { env: { f } } })],
        [ASYNC]: async () => [await short.run({ imports: { env: { f: later } } })],
        [MANY]: () =>
          Promise.all(
            Array.from({ length: RUNS }, () => short.run({ imports: { env: { f: later } } })),
          ),
        [V8]: () => {
          new WebAssembly.Instance(v8, { env: { f } }).exports['_start']()
          return []
        },
      }
      const measured = await takeTurns(
        Object.entries(contenders).map(([name, run]) => ({ name, measure: () => measure(run) })),
        rounds + 1,
      )
      // The first of each warms up.
      for (const turns of Object.values(measured)) turns.shift()
      for (const name of [SYNC, ASYNC, MANY]) {
        const vs = {
          rival: V8,
          value: median(measured[V8]),
          ratio: ratio(measured[name], measured[V8]),
        }
        print(`a call of a host function, ${name}`, median(measured[name]), 'µs', vs)
      }
      return measured
    })
  },

  parts: (measured) => ({
    host: table(
      ['', 'µs per call', 'calls/s', `to ${V8}`],
      [SYNC, ASYNC, MANY, V8].map((name) => [
        name,
        number(median(measured[name])),
        number(1e6 / median(measured[name])),
        name === V8 ? undefined : times(ratio(measured[name], measured[V8])),
      ]),
    ),
  }),
}
