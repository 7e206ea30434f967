import manifest from '../../package.json' with { type: 'json' }
import type { Program } from '../../src/index.ts'
import type { ReportInfo } from '../../report/info.ts'
import { bytes, time } from '../wording.ts'
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
    program: { name, path: names.program, kind, wasi },
    options: shown(flags),
    startedAt,
    version: manifest.version,
  }
}

/** What the runs were limited to, as on the command line. */
function shown({
  timeout,
  cpu,
  fuel,
  memory,
  maxOutput,
  compare,
  eachFile,
}: BatchFlags): Record<string, string> {
  const given = [
    ['--timeout', timeout && time(timeout)],
    ['--cpu', cpu && time(cpu)],
    ['--fuel', fuel?.toString()],
    ['--memory', memory && bytes(memory)],
    ['--max-output', maxOutput && bytes(maxOutput)],
    ['--compare', eachFile && compare],
  ] as const
  return Object.fromEntries(
    given.flatMap(([name, text]) => (text === undefined ? [] : [[name, `${text}`]])),
  )
}
