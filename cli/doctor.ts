import manifest from '../package.json' with { type: 'json' }
import { columns } from './columns.ts'
import { findings, type Level } from './doctor/findings.ts'
import { askSystem, faultOfCache } from './doctor/system.ts'
import { tryPrograms } from './doctor/trials.ts'
import { print, printable } from './io.ts'
import { STATUS } from './status.ts'
import { examples, type Verb } from './verb.ts'

interface Flags {
  json?: boolean
}

export const verb: Verb = {
  describe(command) {
    command
      .description(
        'Runs small programs, looks at what this system allows, and says what is slow or does not work here, and why.',
      )
      .usage('[options]')
      .option('--json', 'print it as one JSON object')
      .addHelpText(
        'after',
        `${examples(['wasiexec doctor', ''], ['wasiexec doctor --json | jq ".findings[] | select(.level != \\"ok\\")"', ''])}

Exit status: 0, also when something is slow; 125 when something does not work.`,
      )
  },

  async execute(io, _, given) {
    const flags = given as Flags
    const system = askSystem()
    const trials = await tryPrograms()
    const { cacheDir } = trials.stats
    const found = findings(system, trials, cacheDir === null ? undefined : faultOfCache(cacheDir))
    const { platform, kernel } = system
    const versions = { wasiexec: manifest.version, node: process.versions.node, platform, kernel }
    const isBad = found.some(({ level }) => level === 'bad')
    const text = flags.json
      ? JSON.stringify({ ...versions, findings: found })
      : [
          `wasiexec ${versions.wasiexec} on ${platform}, kernel ${kernel}, Node ${versions.node}`,
          columns(found.map(({ level, topic, text }) => [MARKS[level], topic, printable(text)])),
        ].join('\n')
    await print(io.stdout, `${text}\n`)
    return isBad ? STATUS.error : STATUS.ok
  },
}

const MARKS: Readonly<Record<Level, string>> = { ok: 'ok', slow: 'SLOW', bad: 'BAD' }
