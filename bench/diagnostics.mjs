// What subscribers to the channels of the package cost: runs and calls without any, and with some that do nothing.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { Runtime, load } from '../dist/index.mjs'
import { wat } from './guests.mjs'
import { median, print, ratio, takeTurns } from './measure.mjs'
import { Counter, Package } from './package-rates.mjs'
import { number, table, times } from './report.mjs'

const WAYS = ['batch()', 'batch().chunks()', 'run()', 'runSync()', 'callSync()']
const METHODS = ['batch', 'chunks', 'run', 'runSync']
const CHANNELS = ['run', 'call'].flatMap((operation) =>
  ['start', 'end'].map((moment) => `wasiexec:${operation}:${moment}`),
)
/** Calls between two looks at the clock. */
const AT_A_TIME = 1000

export const diagnostics = {
  about: 'runs and calls without subscribers to their channels, and with some',

  async run({ guests, rounds, seconds }) {
    const [hello] = guests
    const opened = await Package.open(hello, { threads: 1 })
    const runtime = new Runtime({ threads: 1 })
    const instance = await (await load(wat('exports'), { runtime })).instantiate()
    const measures = Object.fromEntries(
      METHODS.map((method, at) => [WAYS[at], () => opened[method](seconds)]),
    )
    measures[WAYS.at(-1)] = () => callSync(instance, seconds)
    const contenders = Object.entries(measures).flatMap(([name, measure]) => [
      { name, measure },
      { name: watched(name), measure: () => whileWatched(measure) },
    ])
    const measured = await takeTurns(contenders, rounds)
    await instance[Symbol.asyncDispose]()
    await Promise.all([opened.close(), runtime.close()])
    return report(measured)
  },

  parts: (rows) => ({
    diagnostics: table(
      ['', 'per second', 'µs', 'with subscribers, µs', 'ratio'],
      rows.map(({ way, free, observed, ratio }) => [
        way,
        number(free),
        number(1e6 / free),
        number(1e6 / observed),
        times(ratio),
      ]),
    ),
  }),
}

const watched = (name) => `${name}, with subscribers`

async function whileWatched(measure) {
  const listener = () => {}
  for (const channel of CHANNELS) subscribe(channel, listener)
  try {
    return await measure()
  } finally {
    for (const channel of CHANNELS) unsubscribe(channel, listener)
  }
}

function callSync(instance, seconds) {
  const counter = new Counter(seconds)
  do {
    for (let call = 0; call < AT_A_TIME; call += 1) {
      const { kind } = instance.callSync('add', 1, 2)
      if (kind !== 'returned') throw new Error(`add(1, 2) is not 3 but ${kind}`)
    }
  } while (!counter.isOver())
  return { perSecond: counter.perSecond * AT_A_TIME }
}

function report(measured) {
  return WAYS.map((way) => {
    const [free, observed] = [way, watched(way)].map((name) =>
      measured[name].map(({ perSecond }) => perSecond),
    )
    const found = {
      way,
      free: median(free),
      observed: median(observed),
      ratio: ratio(observed, free),
    }
    print(watched(way), found.observed, 'per second', {
      rival: 'without',
      value: found.free,
      ratio: found.ratio,
    })
    return found
  })
}
