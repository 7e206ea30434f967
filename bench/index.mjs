// npm run bench -- --help
import { parseArgs } from 'node:util'
import { calls } from './calls.mjs'
import { cold } from './cold.mjs'
import { components } from './components.mjs'
import { cores } from './cores.mjs'
import { diagnostics } from './diagnostics.mjs'
import { fairness } from './fairness.mjs'
import { files } from './files.mjs'
import { guests } from './guests.mjs'
import { host } from './host.mjs'
import { http } from './http.mjs'
import { install } from './install.mjs'
import { growth } from './growth.mjs'
import { interruption } from './interruption.mjs'
import { languages } from './languages.mjs'
import { latency } from './latency.mjs'
import { limits } from './limits.mjs'
import { loading } from './loading.mjs'
import { memory } from './memory.mjs'
import { writePage, writePicture } from './report.mjs'
import { scaling } from './scaling.mjs'
import { queue } from './queue.mjs'
import { snapshots } from './snapshots.mjs'
import { spawn } from './spawn.mjs'
import { throughput } from './throughput.mjs'

const SECTIONS = {
  throughput,
  scaling,
  cores,
  memory,
  growth,
  interruption,
  latency,
  spawn,
  calls,
  components,
  limits,
  fairness,
  loading,
  cold,
  snapshots,
  host,
  http,
  files,
  diagnostics,
  languages,
  queue,
}

const HELP = `Usage: npm run bench -- [section…] [--quick] [--write]

Prints one line per figure, {"name", "value", "unit", "vs"}; "vs" is the ratio to the rival named there.

Sections, all by default:
${Object.entries(SECTIONS)
  .map(([name, { about }]) => `  ${name.padEnd(12)} ${about}`)
  .join('\n')}

  --guest NAME  only this guest; may be repeated
  --quick       short measurements, to check that the bench works
  --write       rewrite the sections' tables and pictures in docs/
  --help        this text`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean' },
    write: { type: 'boolean' },
    guest: { type: 'string', multiple: true },
    help: { type: 'boolean' },
  },
})

async function main() {
  if (values.help) return console.log(HELP)
  const unknown = positionals.find((name) => !Object.hasOwn(SECTIONS, name))
  if (unknown)
    throw new Error(`no section "${unknown}"; there are ${Object.keys(SECTIONS).join(', ')}`)
  install()
  const chosen = (await guests()).filter(({ name }) => values.guest?.includes(name) ?? true)
  const effort = values.quick ? { rounds: 1, seconds: 0.2 } : { rounds: 5, seconds: 1 }
  for (const name of positionals.length > 0 ? positionals : Object.keys(SECTIONS)) {
    const section = SECTIONS[name]
    const result = await section.run({ ...effort, guests: chosen, quick: values.quick === true })
    if (!values.write) continue
    writePage(section.parts(result), section.page)
    for (const [file, svg] of Object.entries((await section.pictures?.(result)) ?? {}))
      writePicture(file, svg)
  }
}

await main()
