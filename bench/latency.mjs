// One caller that waits for each run before the next.
import { Child } from './child.mjs'
import { median, print, ratio, takeTurns } from './measure.mjs'
import { Package } from './package-rates.mjs'
import { rustBench } from './rust.mjs'
import { number, table, times } from './report.mjs'

const CORE = 'core alone'
const TUNED = 'tuned Rust'

export const latency = {
  about: 'one run() or runSync() after the other, beside the core alone and tuned Rust',

  async run({ guests, rounds, seconds }) {
    const results = []
    for (const guest of guests) results.push(await measure(guest, rounds, seconds))
    return results
  },

  parts: (results) => ({ latency: latencyTable(results) }),
}

async function measure(guest, rounds, seconds) {
  const opened = await Package.open({ ...guest, callers: 1 }, { threads: 1 })
  const rest = [guest.path, 1, seconds, ...guest.args]
  const [core, tuned] = ['single', 'tuned'].map((name) => new Child(rustBench(name), ...rest))
  const measured = await takeTurns(
    [
      { name: 'run()', measure: () => opened.run(seconds) },
      { name: 'runSync()', measure: () => opened.runSync(seconds) },
      { name: CORE, measure: () => core.measure() },
      { name: TUNED, measure: () => tuned.measure() },
    ],
    rounds,
  )
  await Promise.all([opened, core, tuned].map((each) => each.close()))
  const micros = Object.fromEntries(
    Object.entries(measured).map(([name, turns]) => [
      name,
      turns.map(({ perSecond }) => 1e6 / perSecond),
    ]),
  )
  const vs = (rival) => ({
    rival,
    value: median(micros[rival]),
    ratio: ratio(micros['runSync()'], micros[rival]),
  })
  print(`${guest.name}: one run() after the other`, median(micros['run()']), 'µs')
  for (const rival of [CORE, TUNED]) {
    const name = `${guest.name}: one runSync() after the other`
    print(name, median(micros['runSync()']), 'µs', vs(rival))
  }
  return { guest: guest.name, micros, ratios: [vs(CORE).ratio, vs(TUNED).ratio] }
}

function latencyTable(results) {
  const head = ['µs per run', '`run()`', '`runSync()`', CORE, 'ratio', TUNED, 'ratio']
  const rows = results.map(({ guest, micros, ratios: [core, tuned] }) => [
    guest,
    number(median(micros['run()'])),
    number(median(micros['runSync()'])),
    number(median(micros[CORE])),
    times(core),
    number(median(micros[TUNED])),
    times(tuned),
  ])
  return table(head, rows)
}
