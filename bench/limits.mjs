// Sleeping guests beside a computing one, and the delay of the event loop meanwhile.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { load } from '../dist/index.mjs'
import { wat } from './guests.mjs'
import { print } from './measure.mjs'
import { withRuntime } from './package-rates.mjs'
import { number, table } from './report.mjs'

export const limits = {
  about: '1,000 sleepers beside a loop, and the delay of the event loop',

  run: () =>
    withRuntime({ threads: 2 }, async (runtime) => {
      const figures = await sleepers(runtime)
      for (const [name, value] of figures) print(name, value, 'ms')
      return figures
    }),

  parts: (figures) => ({
    limits: table(
      ['what', 'ms'],
      figures.map(([name, value]) => [name, number(value)]),
    ),
  }),
}

async function sleepers(runtime) {
  const sleeper = await load(wat('sleep-argv'), { runtime })
  const looper = await load(wat('loop'), { runtime })
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const start = performance.now()
  const loop = looper.run({ limits: { timeoutMs: 300 } })
  await Promise.all(Array.from({ length: 1000 }, () => sleeper.run({ args: ['200'] })))
  const slept = performance.now() - start
  const { usage } = await loop
  delay.disable()
  return [
    ['1,000 guests that sleep 200 ms, started together on 2 threads beside an endless loop', slept],
    ['that loop, with `timeoutMs: 300`, ended after', usage.wallMs],
    ['event loop delay meanwhile, 99th percentile', delay.percentile(99) / 1e6],
  ]
}
