// Talking with a running program: a line and its answer, bytes through it, and what its start costs; beside processes.
import { spawn as spawnProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { load } from '../dist/index.mjs'
import { assembled } from './guests.mjs'
import { median, print, ratio, takeTurns } from './measure.mjs'
import { number, table, times } from './report.mjs'

const WASI = fileURLToPath(new URL('rivals/wasi-process.mjs', import.meta.url))
const IN = ['pipe', 'ignore', 'ignore']
const OUT = ['ignore', 'pipe', 'ignore']
const OURS = 'spawn()'
const NATIVE = 'child_process, native'
const NODE_WASI = 'child_process, node:wasi'
const RUN = 'run()'

export const spawn = {
  about:
    'a running program: a line and its answer, bytes through it, its start; beside child processes',

  async run({ rounds, quick }) {
    const [copyPath, floodPath] = [assembled('cat'), assembled('flood-argv')]
    const [copy, flood, greet] = [
      await load(copyPath),
      await load(floodPath),
      await load(assembled('hello')),
    ]
    const lines = quick ? 1000 : 10_000
    const bytes = quick ? 2 ** 26 : 2 ** 28
    const starts = quick ? 50 : 300
    const native = () => spawnProcess('cat', { stdio: ['pipe', 'pipe', 'ignore'] })
    const nodeWasi = (args = [copyPath], stdio = ['pipe', 'pipe', 'ignore']) =>
      spawnProcess(process.execPath, ['--no-warnings', WASI, ...args], { stdio })
    const section = async (what, unit, measures) => {
      const contenders = Object.entries(measures).map(([name, measure]) => ({ name, measure }))
      return report(what, unit, await takeTurns(contenders, rounds))
    }
    return [
      await section('a line and its answer', 'µs', {
        [OURS]: () => converse(copy.spawn({ stderr: 'ignore' }), lines),
        [NATIVE]: () => converse(native(), lines),
        [NODE_WASI]: () => converse(nodeWasi(), lines),
      }),
      await section('through one program', 'MB/s', {
        [OURS]: () => pass([copy.spawn({ stderr: 'ignore' })], bytes),
        [NATIVE]: () => pass([native()], bytes),
        [NODE_WASI]: () => pass([nodeWasi()], bytes),
      }),
      await section('from one program through another', 'MB/s', {
        [OURS]: () =>
          pass(
            [0, 1].map(() => copy.spawn({ stderr: 'ignore' })),
            bytes,
          ),
        [NATIVE]: () => pass([0, 1].map(native), bytes),
        [NODE_WASI]: () => pass([nodeWasi(), nodeWasi()], bytes),
      }),
      await section('from one program into another', 'MB/s', {
        [OURS]: () =>
          into(
            flood.spawn({ args: [`${bytes}`], stderr: 'ignore' }),
            copy.spawn({ stdout: 'ignore', stderr: 'ignore' }),
            bytes,
          ),
        [NATIVE]: () =>
          into(
            spawnProcess('head', ['-c', `${bytes}`, '/dev/zero'], { stdio: OUT }),
            spawnProcess('cat', { stdio: IN }),
            bytes,
          ),
        [NODE_WASI]: () =>
          into(nodeWasi([floodPath, `${bytes}`], OUT), nodeWasi([copyPath], IN), bytes),
      }),
      await section('start to end, output read', 'µs', {
        [OURS]: () => startAll(() => readAll(greet.spawn()), starts * 10),
        [RUN]: () => startAll(() => greet.run(), starts * 10),
        [NATIVE]: () => startAll(() => readAll(spawnProcess('true')), starts),
      }),
    ]
  },

  parts: (results) => ({
    spawn: table(
      ['', OURS, RUN, NATIVE, 'ratio', NODE_WASI, 'ratio'],
      results.map(({ what, unit, medians, ratios }) => [
        `${what}, ${unit}`,
        ...[OURS, RUN].map((name) => medians[name] && number(medians[name])),
        ...[NATIVE, NODE_WASI].flatMap((name) => [
          medians[name] && number(medians[name]),
          ratios[name] && times(ratios[name]),
        ]),
      ]),
    ),
  }),
}

function report(what, unit, measured) {
  const medians = Object.fromEntries(
    Object.entries(measured).map(([name, values]) => [name, median(values)]),
  )
  const ratios = {}
  for (const rival of [RUN, NATIVE, NODE_WASI]) {
    if (measured[rival] === undefined) continue
    ratios[rival] = ratio(measured[OURS], measured[rival])
    print(`${what}, ${OURS}`, medians[OURS], unit, {
      rival,
      value: medians[rival],
      ratio: ratios[rival],
    })
  }
  return { what, unit, medians, ratios }
}

/** Writes a line when the answer to the one before has come. Returns microseconds per line. */
async function converse({ stdin, stdout }, lines) {
  let resolve
  stdout.on('data', (chunk) => chunk.at(-1) === 10 && resolve())
  const ask = () =>
    new Promise((done) => {
      resolve = done
      stdin.write('a line of text\n')
    })
  for (let warm = 0; warm < lines / 10; warm += 1) await ask()
  const start = performance.now()
  for (let line = 0; line < lines; line += 1) await ask()
  const micros = ((performance.now() - start) * 1000) / lines
  stdin.end()
  await once(stdout, 'close')
  return micros
}

/** Sends bytes through programs that copy. Returns megabytes per second. */
async function pass(programs, bytes) {
  const chunk = Buffer.alloc(64 * 1024, 'x')
  const [first, last] = [programs[0], programs.at(-1)]
  for (let at = 1; at < programs.length; at += 1) programs[at - 1].stdout.pipe(programs[at].stdin)
  let left = bytes
  last.stdout.on('data', ({ length }) => (left -= length))
  const ended = once(last.stdout, 'end')
  // The start is not measured.
  first.stdin.write(chunk)
  await once(last.stdout, 'data')
  const start = performance.now()
  for (let sent = chunk.length; sent < bytes; sent += chunk.length) {
    if (!first.stdin.write(chunk)) await once(first.stdin, 'drain')
  }
  first.stdin.end()
  await ended
  if (left !== 0) throw new Error(`${left} bytes were lost`)
  return bytes / 1e6 / ((performance.now() - start) / 1000)
}

/** Pipes what the first program prints to the second. Returns megabytes per second, with the start. */
async function into(first, last, bytes) {
  const start = performance.now()
  const ended = last.outcome ?? once(last, 'close')
  first.stdout.pipe(last.stdin)
  await ended
  return bytes / 1e6 / ((performance.now() - start) / 1000)
}

async function readAll({ stdout, stderr }) {
  stderr.resume()
  stdout.resume()
  await once(stdout, 'close')
}

/** One after the other. Returns microseconds per start. */
async function startAll(once, starts) {
  for (let warm = 0; warm < starts / 10; warm += 1) await once()
  const start = performance.now()
  for (let count = 0; count < starts; count += 1) await once()
  return ((performance.now() - start) * 1000) / starts
}
