// Runs of every kind, each with something of its own to be known by.
import { resolve } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Job, Program, RunOptions, RunSyncOptions } from './package.ts'
import { numbers, observed, wat } from './guest.ts'

/** A run and what has to come of it. */
export interface OutcomeCase {
  program: Program
  options: RunOptions
  expected: [ending: string, stdout: string, stderr: string]
}

/** A run that is refused. */
export interface ErrorCase {
  program: Program
  options: RunOptions
  code: string
  /** A part of the error's message. */
  message: string
}

const GUESTS = [
  'exit-argv',
  'args',
  'cat',
  'trap-unreachable',
  'trap-out-of-bounds',
  'loop',
  'flood',
  'print-both',
  'grow-until-denied',
  'sleep-hour',
  'no-start',
  'component-exit-with-code-3',
] as const
type Guest = (typeof GUESTS)[number]

async function guests(): Promise<Record<Guest, Program>> {
  const loaded = await Promise.all(GUESTS.map(async (name) => [name, await wat(name)] as const))
  return Object.fromEntries(loaded) as Record<Guest, Program>
}

/** Makers of runs with outcomes; none takes longer than a start. */
export async function outcomeCases(): Promise<readonly ((number: number) => OutcomeCase)[]> {
  const programs = await guests()
  const on = (
    name: Guest,
    options: RunOptions,
    ...expected: OutcomeCase['expected']
  ): OutcomeCase => ({ program: programs[name], options, expected })
  return [
    (n) => on('exit-argv', { args: [`${n}`] }, `exit ${n}`, '', ''),
    (n) => on('args', { args: [`${n}`] }, 'exit 0', `args.wat\n${n}\n`, ''),
    (n) => on('cat', { stdin: `${n}`.repeat(n % 97) }, 'exit 0', `${n}`.repeat(n % 97), ''),
    (n) =>
      on('cat', { stdin: Buffer.alloc(n % 9000, n) }, 'exit 0', '' + Buffer.alloc(n % 9000, n), ''),
    () => on('trap-unreachable', {}, 'trap unreachable', 'before trap\n', ''),
    (n) => on('loop', { limits: { fuel: n } }, 'limit fuel', '', ''),
    (n) =>
      on(
        'flood',
        { limits: { outputBytes: n % 16 } },
        'limit output',
        '0123456789abcdef'.slice(0, n % 16),
        '',
      ),
    (n) => on('loop', { signal: AbortSignal.abort(n) }, 'abort', '', ''),
    () => on('print-both', {}, 'exit 2', 'out\n', 'err\n'),
    () => on('print-both', { stderr: 'ignore' }, 'exit 2', 'out\n', ''),
    () => on('component-exit-with-code-3', {}, 'exit 3', '', ''),
  ]
}

/** Makers of runs that wait, use memory or are aborted in the middle. */
export async function waitingCases(): Promise<readonly ((number: number) => OutcomeCase)[]> {
  const programs = await guests()
  return [
    () => ({
      program: programs['sleep-hour'],
      options: { limits: { timeoutMs: 1 }, stdout: 'ignore' },
      expected: ['limit timeout', '', ''],
    }),
    (n) => {
      const controller = new AbortController()
      setImmediate(() => controller.abort(n))
      return {
        program: programs['sleep-hour'],
        options: { signal: controller.signal, stdout: 'ignore' },
        expected: ['abort', '', ''],
      }
    },
    (n) => ({
      program: programs['grow-until-denied'],
      options: { limits: { memoryBytes: (1 + (n % 9)) * 65_536, onMemory: 'stop' } },
      expected: ['limit memory', '', ''],
    }),
    () => ({
      program: programs['trap-out-of-bounds'],
      options: {},
      expected: ['trap memory-out-of-bounds', '', ''],
    }),
  ]
}

/** How many runs of all kinds ended by `runSync`, and those that did not end as they have to. */
export async function endBySync(): Promise<{ ended: number; wrong: unknown[] }> {
  const makers = [...(await outcomeCases()), ...(await waitingCases())]
  const wrong = []
  let ended = 0
  for (let number = 0; number < 20; number += 1) {
    for (const make of makers) {
      const { program, options, expected } = make(number)
      if (options.signal !== undefined) continue
      const got = observed(program.runSync(options as RunSyncOptions))
      if (!isDeepStrictEqual(got, expected)) wrong.push({ got, expected })
      ended += 1
    }
  }
  return { ended, wrong }
}

/** Makers of runs that are refused: by their options, by what they are granted, by their program. */
export async function errorCases(): Promise<readonly ((number: number) => ErrorCase)[]> {
  const programs = await guests()
  const bad = (args: unknown): RunOptions => ({ args: args as string[] })
  return [
    (n) => ({
      program: programs['exit-argv'],
      options: bad(['0', n]),
      code: 'ERR_INVALID_OPTION',
      message: `got ${n}`,
    }),
    (n) => ({
      program: programs['exit-argv'],
      options: { preopens: { '/': `/missing/${n}` } },
      code: 'ERR_PREOPEN',
      message: resolve(`/missing/${n}`),
    }),
    () => ({
      program: programs['no-start'],
      options: {},
      code: 'ERR_NO_ENTRY_POINT',
      message: '`_start`',
    }),
  ]
}

/** Jobs of all kinds in turn, with numbers below `most`: exits have that many codes. */
export async function mixedJobs(length: number, most: number): Promise<Job[]> {
  const make = [...(await outcomeCases()), ...(await waitingCases()), ...(await errorCases())]
  return numbers(length).map((index) => {
    const { program, options } = make[index % make.length]!(index % most)
    return { program, ...options, id: `job ${index}` }
  })
}
