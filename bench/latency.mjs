// One caller that waits for each run before the next.
import { load } from '../dist/index.mjs'
import { wat } from './guests.mjs'
import { median, print } from './measure.mjs'
import { withRuntime } from './package-rates.mjs'
import { number, table } from './report.mjs'

const RUNS = 2000

export const latency = {
  about: 'one run() or runSync() after the other',

  run: ({ rounds }) =>
    withRuntime({ threads: 1 }, async (runtime) => {
      const program = await load(wat('hello'), { runtime })
      const medians = {}
      for (const name of ['run', 'runSync']) {
        await microseconds(500, () => program[name]())
        const samples = []
        for (let round = 0; round < rounds; round += 1) {
          samples.push(await microseconds(RUNS, () => program[name]()))
        }
        medians[name] = median(samples)
        print(`one ${name}() after the other: hello`, medians[name], 'µs')
      }
      return medians
    }),

  parts: (medians) => ({
    latency: table(
      ['one after the other, hello', 'µs a run'],
      Object.entries(medians).map(([name, value]) => [`\`${name}()\``, number(value)]),
    ),
  }),
}

async function microseconds(runs, once) {
  const start = performance.now()
  for (let run = 0; run < runs; run += 1) await once()
  return ((performance.now() - start) / runs) * 1000
}
