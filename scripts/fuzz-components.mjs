// Sends generated values through generated components, and compares what comes back with what jco's JavaScript for the
// same component returns: fuzz-components.mjs [cases] [seed].
import fc from 'fast-check'
import { load } from '../src/index.ts'
import { echoComponent, fitsFlat } from '../__test__/support/wit-echo.ts'
import { jcoEcho } from '../__test__/support/wit-jco.ts'
import { valuesOf, witTypes } from '../__test__/support/wit-values.ts'

/** Values of each type and way. */
const VALUES = 200

const [cases = '100000', seed = String(Date.now())] = process.argv.slice(2)
console.log(`${cases} cases from seed ${seed}`)
const PAD = Array.from({ length: 17 }, (_, index) => index)
let done = 0
let refused = 0
let wrong = 0
for (let number = Number(seed); done < Number(cases) && refused < 100; number += 1) {
  const [type] = fc.sample(witTypes, { numRuns: 1, seed: number })
  const values = fc.sample(valuesOf(type), { numRuns: VALUES, seed: number })
  for (const way of fitsFlat(type) ? ['flat', 'memory'] : ['memory']) {
    const program = await load(Buffer.from(echoComponent(type, way)), {
      cache: false,
      compiler: 'baseline',
    })
    let jco
    try {
      jco = await jcoEcho(await program.wasm(), type)
    } catch (error) {
      refused += 1
      if (refused < 5) console.log(`jco: ${error.message}`)
    }
    if (jco !== undefined) await compare(program, jco, { type, way, values })
    program[Symbol.dispose]()
  }
}
console.log(`${done} cases, ${wrong} wrong; jco made no JavaScript of ${refused} components`)
process.exitCode = wrong === 0 ? 0 : 1

async function compare(program, jco, { type, way, values }) {
  await using instance = await program.instantiate()
  for (const value of values) {
    const args = way === 'flat' ? [value] : [PAD, value]
    const { values: [ours] = [] } = instance.callSync('echo#echo', ...args)
    const theirs = theirsOf(jco, args)
    done += 1
    if (fc.stringify(plain(ours)) === fc.stringify(plain(theirs))) continue
    wrong += 1
    if (wrong > 10) continue
    console.log(JSON.stringify(type))
    console.log(
      `${way}: ${fc.stringify(value)}: ${fc.stringify(ours)}, jco ${fc.stringify(theirs)}`,
    )
  }
}

function theirsOf(jco, args) {
  try {
    return jco(...args)
  } catch (error) {
    return `thrown: ${error.message}`
  }
}

/** Without properties that are undefined: jco gives some cases without a payload such a one. */
function plain(value) {
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value
  const entries = Object.entries(value).filter(([, part]) => part !== undefined)
  return Object.fromEntries(entries.map(([key, part]) => [key, plain(part)]))
}
