// What interruption costs a program that computes: native code, plain Wasm, epochs, fuel.
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { load } from '../dist/index.mjs'
import { guest } from '../guests/unpack.mjs'
import { scratch } from './guests.mjs'
import { median, print, ratio, takeTurns } from './measure.mjs'
import { withRuntime } from './package-rates.mjs'
import { number, table, times } from './report.mjs'

const PARTS = ['sort', 'matrix', 'sieve']
const SOURCE = fileURLToPath(new URL('../guests/src/c/cpu.c', import.meta.url))
const [NATIVE, PLAIN, EPOCHS, FUEL] = ['native', 'not interruptible', 'interruptible', 'with fuel']
const ENOUGH_FUEL = 10n ** 15n

export const interruption = {
  about: 'a computing program: native, plain Wasm, with epochs, with fuel',

  async run({ quick }) {
    const native = compile()
    const path = await guest('cpu')
    return withRuntime({ threads: 1 }, async (runtime) => {
      const plain = await load(path, { runtime, interruptible: false })
      const program = await load(path, { runtime, fuel: true })
      const results = []
      for (const part of PARTS) {
        const expected = execFileSync(native, [part])
        const run = async (of, limits) => {
          const outcome = await of.run({ args: [part], limits })
          if (!outcome.ok || !outcome.stdout.equals(expected)) throw new Error(`cpu ${part} failed`)
          return outcome.usage.wallMs
        }
        const contenders = [
          { name: NATIVE, measure: () => processTime(native, part) },
          { name: PLAIN, measure: () => run(plain) },
          { name: EPOCHS, measure: () => run(program) },
          { name: FUEL, measure: () => run(program, { fuel: ENOUGH_FUEL }) },
        ]
        results.push(report(part, await takeTurns(contenders, quick ? 3 : 15)))
      }
      return results
    })
  },

  parts: (results) => ({
    interruption: table(
      [
        '',
        `${NATIVE}, ms`,
        `${PLAIN}, ms`,
        'to native',
        `${EPOCHS}, ms`,
        'to not',
        `${FUEL}, ms`,
        'to not',
      ],
      results.map(({ part, medians, ratios }) => [
        part,
        number(medians[NATIVE]),
        ...[PLAIN, EPOCHS, FUEL].flatMap((name) => [number(medians[name]), times(ratios[name])]),
      ]),
    ),
  }),
}

function compile() {
  const path = scratch('cpu')
  try {
    execFileSync('cc', ['-O2', SOURCE, '-o', path], { stdio: ['ignore', 'ignore', 'inherit'] })
  } catch (cause) {
    throw new Error(`the bench needs a C compiler: \`cc\`: ${cause.message}`, { cause })
  }
  return path
}

/** Includes the start of a process, about a millisecond. */
function processTime(command, ...args) {
  const start = performance.now()
  execFileSync(command, args)
  return performance.now() - start
}

function report(part, measured) {
  const medians = {}
  const ratios = {}
  for (const [name, values] of Object.entries(measured)) {
    medians[name] = median(values)
    if (name === NATIVE) continue
    const rival = name === PLAIN ? NATIVE : PLAIN
    ratios[name] = ratio(values, measured[rival])
    const vs = { rival, value: median(measured[rival]), ratio: ratios[name] }
    print(`${part} in C, ${name}`, medians[name], 'ms', vs)
  }
  return { part, medians, ratios }
}
