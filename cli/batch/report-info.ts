import manifest from '../../package.json' with { type: 'json' }
import type { Program } from '../../src/index.ts'
import type { ReportInfo } from '../../report/info.ts'
import { givenLimits, type ValueKind } from '../limit-flags.ts'
import { bytes, time, WASI } from '../wording.ts'
import type { BatchFlags, Paths } from './flags.ts'

/** What a page says of a batch beside its results. */
export function reportInfo(
  { program, names, flags }: { program: Program; names: Paths; flags: BatchFlags },
  summary: ReportInfo['summary'],
  startedAt: Date,
): ReportInfo {
  const { name, kind, wasi } = program
  return {
    summary,
    title: flags.eachFile === undefined ? name : `${name}, ${names.input}`,
    program: { name, path: names.program, kind, wasi: WASI[wasi] },
    options: shown(flags),
    startedAt,
    version: manifest.version,
  }
}

/** What the runs were limited to, as on the command line. */
function shown(flags: BatchFlags): Record<string, string> {
  const given = givenLimits(flags).map(([{ name, value: kind }, value]) => [
    `--${name}`,
    SHOWN[kind](value),
  ])
  if (flags.eachFile !== undefined) given.push(['--compare', flags.compare])
  return Object.fromEntries(given) as Record<string, string>
}

const SHOWN: Readonly<Record<ValueKind, (value: number | bigint) => string>> = {
  duration: (value) => time(Number(value)),
  size: (value) => bytes(Number(value)),
  whole: String,
  uint64: String,
}
