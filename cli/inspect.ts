import {
  WasiexecError,
  type Inspection,
  type InspectedExport,
  type MemoryInfo,
  type Program,
} from '../src/index.ts'
import { columns } from './columns.ts'
import { print, printable } from './io.ts'
import { openProgram, PROGRAM_ARGUMENT } from './program.ts'
import { addLoadOptions, loadOptions, type LoadFlags } from './run-options.ts'
import { examples, type Verb } from './verb.ts'
import { bytes, WASI, withOptionNames } from './wording.ts'

interface Flags extends LoadFlags {
  json?: boolean
}

export const verb: Verb = {
  describe(command) {
    command
      .description('Shows what a program is, what it needs and what it offers, without running it.')
      .usage('[options] <prog.wasm>')
      .argument('<prog.wasm>', PROGRAM_ARGUMENT)
      .option('--json', 'print it as one JSON object')
    addLoadOptions(command, [])
    command.addHelpText(
      'after',
      `${examples(
        ['wasiexec inspect prog.wasm', ''],
        [
          'wasiexec inspect --json prog.wasm | jq -r ".imports[] | select(.provided | not) | .name"',
          '',
        ],
      )}\n\nExit status: 0, also for a program that cannot be run; 125 when it cannot be read.`,
    )
  },

  async execute(io, [path = ''], given) {
    const flags = given as Flags
    const program = await openProgram(io, path, {
      ...loadOptions(flags),
      compiler: 'baseline',
    })
    const inspection = await program.inspect()
    const { name, kind, wasi } = program
    const wit = kind === 'component' ? await witOf(program) : undefined
    const text = flags.json
      ? JSON.stringify({ name, kind, wasi, ...inspection, ...(wit === undefined ? {} : { wit }) })
      : describe(program, inspection) + (wit === undefined ? '' : `\n\n${printableLines(wit)}`)
    await print(io.stdout, `${text}\n`)
    return 0
  },
}

/** Undefined for a component that WIT cannot describe. */
async function witOf(program: Program): Promise<string | undefined> {
  try {
    return await program.wit()
  } catch (error) {
    if (error instanceof WasiexecError && error.code === 'ERR_UNSUPPORTED_WASM') return undefined
    throw error
  }
}

function printableLines(text: string): string {
  return text.trimEnd().split('\n').map(printable).join('\n')
}

const ENTRY = { command: 'command', reactor: 'reactor', none: 'no entry point' }

function describe({ name, kind, wasi }: Program, inspection: Inspection): string {
  const { imports, exports, memories, features, producers, problem, serveProblem } = inspection
  const missing = imports.filter((extern) => !extern.provided)
  const head: [string, string][] = [
    ['name', name],
    ['kind', `${kind}, ${WASI[wasi]}, ${ENTRY[inspection.entry]}`],
    ['size', bytes(inspection.wasmBytes)],
    ...memories.map((memory): [string, string] => ['memory', describeMemory(memory)]),
    ...wrapped(features).map((line, index): [string, string] => [
      index === 0 ? 'features' : '',
      line,
    ]),
    ...Object.entries(producers).flatMap(([field, made]) =>
      made.map(({ name: tool, version }, index): [string, string] => [
        index === 0 ? field : '',
        `${tool} ${version}`.trim(),
      ]),
    ),
  ]
  if (serveProblem === null) head.push(['note', 'handles HTTP requests: wasiexec serve'])
  const { tier, reason } = inspection.compiler
  if (tier === 'optimizing') head.push(['note', reason])
  if (!inspection.interruptible)
    head.push(['note', 'compiled so that nothing can stop it while it computes'])
  return [
    columns(head.map((row) => row.map(printable))),
    ...section('imports', imports),
    ...section('exports', exports),
    ...(missing.length === 0
      ? []
      : section('cannot be run without these imports, which a host gives in JavaScript', missing)),
    ...(problem === null || missing.length > 0 || serveProblem === null
      ? []
      : [`\ncannot be run: ${printable(withOptionNames(problem.message))}`]),
  ].join('\n')
}

/** A list in lines that a terminal shows whole. */
function wrapped(words: readonly string[]): string[] {
  const lines: string[] = []
  for (const word of words) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + word.length < 60)
      lines[lines.length - 1] = `${last}, ${word}`
    else lines.push(word)
  }
  return lines
}

function section(title: string, externs: readonly InspectedExport[]): string[] {
  const rows = externs.map(({ module, name, kind, type }) => [
    `  ${printable(module === undefined ? name : `${module}.${name}`)}`,
    kind,
    printable(type),
  ])
  return [`\n${title}: ${externs.length === 0 ? 'none' : externs.length}`, columns(rows)].filter(
    (text) => text !== '',
  )
}

/** `17 pages (1.06 MiB), at most 32768 (2 GiB)`. */
function describeMemory(memory: MemoryInfo): string {
  const { minimumPages, maximumPages, pageBytes } = memory
  const pages = (count: number): string => `${count} (${bytes(count * pageBytes)})`
  const most = maximumPages === null ? 'no maximum' : `at most ${pages(maximumPages)}`
  const words = [
    pageBytes === 65_536 ? undefined : `pages of ${bytes(pageBytes)}`,
    memory.is64 ? '64-bit' : undefined,
    memory.shared ? 'shared' : undefined,
    memory.imported ? 'imported' : undefined,
  ].filter((word) => word !== undefined)
  return [`pages: ${pages(minimumPages)}`, most, ...words].join(', ')
}
