// More and more workers, threads and processes; and the gain from a loop over arrays of results.
import { median, print, ratio, takeTurns } from './measure.mjs'
import { Package } from './package-rates.mjs'
import { number, table, times } from './report.mjs'

const ONE = { threads: 'thread', processes: 'process' }
const COUNTS = [1, 2, 4, 8, 16]
const KINDS = ['threads', 'processes']
/** One guest that only computes, and one that grows its memory. */
const GUESTS = ['hello', 'C']
const READ_ON = [
  { workers: 'threads', threads: 1 },
  { workers: 'threads', threads: 2 },
  { workers: 'processes', threads: 2 },
]

export const scaling = {
  about: 'hello and C on 1 to 16 threads and processes; batch.chunks() beside batch()',

  async run({ guests, rounds, seconds }) {
    const chosen = guests.filter(({ name }) => GUESTS.includes(name))
    const rates = []
    for (const guest of chosen) {
      for (const workers of KINDS) rates.push(await byCount(guest, workers, rounds, seconds))
    }
    const reads = []
    for (const guest of chosen) {
      for (const options of READ_ON) reads.push(await byReading(guest, options, rounds, seconds))
    }
    return { rates, reads }
  },

  parts: ({ rates, reads }) => ({ scaling: ratesTable(rates), chunks: readsTable(reads) }),
}

/** Runs per second by number of workers. Workers that wait for their turn are idle. */
async function byCount(guest, workers, rounds, seconds) {
  const opened = []
  for (const threads of COUNTS) opened.push(await Package.open(guest, { workers, threads }))
  const measured = await takeTurns(
    opened.map((each, at) => ({ name: COUNTS[at], measure: () => each.batch(seconds) })),
    rounds,
  )
  await Promise.all(opened.map((each) => each.close()))
  const turns = COUNTS.map((count) => measured[count].map(({ perSecond }) => perSecond))
  for (const [at, count] of COUNTS.entries()) {
    const vs = {
      rival: on(1, workers),
      value: median(turns[0]),
      ratio: ratio(turns[at], turns[0]),
    }
    print(`${guest.name}: batch(), ${on(count, workers)}`, median(turns[at]), 'runs/s', vs)
  }
  return { guest: guest.name, workers, rates: turns.map(median) }
}

/** `1 thread`, `16 processes`. */
function on(count, workers) {
  return `${count} ${count === 1 ? ONE[workers] : workers}`
}

async function byReading(guest, options, rounds, seconds) {
  const opened = await Package.open(guest, options)
  const ways = ['batch', 'chunks']
  const measured = await takeTurns(
    ways.map((name) => ({ name, measure: () => opened[name](seconds) })),
    rounds,
  )
  await opened.close()
  const where = on(options.threads, options.workers)
  const figures = (name, what) => measured[name].map((turn) => turn[what])
  const faster = ratio(figures('chunks', 'perSecond'), figures('batch', 'perSecond'))
  const rates = ways.map((name) => median(figures(name, 'perSecond')))
  const main = ways.map((name) => median(figures(name, 'mainMicroseconds')))
  const vs = { rival: 'batch()', value: rates[0], ratio: faster }
  print(`${guest.name}: batch().chunks(), ${where}`, rates[1], 'runs/s', vs)
  for (const [at, name] of ways.entries()) {
    print(`${guest.name}: ${name}(), ${where}: main thread for a result`, main[at], 'µs')
  }
  return { guest: guest.name, on: where, rates, faster, main }
}

function ratesTable(results) {
  const head = ['runs/s', 'on', ...COUNTS]
  const rows = results.map(({ guest, workers, rates }) => [guest, workers, ...rates.map(number)])
  return table(head, rows)
}

function readsTable(results) {
  const head = ['guest', 'on', '`batch()`, runs/s', '`chunks()`', 'ratio']
  const rows = results.map(({ guest, on, rates, faster, main }) => [
    guest,
    on,
    ...rates.map(number),
    times(faster),
    ...main.map((microseconds) => `${number(microseconds)} µs`),
  ])
  return table([...head, 'main thread: `batch()`', '`chunks()`'], rows)
}
