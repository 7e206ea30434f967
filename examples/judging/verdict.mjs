// What the judges of the examples share: cases in a folder, limits, and a verdict for a run.
import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'

/** Of one run. `memory` and `output` end it, so that the verdict can name them. */
export const LIMITS = {
  cpuMs: 500,
  // For submissions that sleep or wait, which use no time on a core. It also passes while a run waits for its turn on a
  // thread, so it is many times `cpuMs`.
  timeoutMs: 10_000,
  memoryBytes: 64 << 20,
  onMemory: 'stop',
  outputBytes: 1 << 20,
}

/**
 * Reads `NAME.in` and `NAME.out` for each case.
 *
 * @returns {Promise<{ name: string, input: Buffer, expected: string }[]>}
 */
export async function readCases(folder) {
  const names = (await readdir(folder))
    .filter((name) => name.endsWith('.in'))
    .map((name) => name.slice(0, -'.in'.length))
    .toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }))
  if (names.length === 0) throw new Error(`expected *.in and *.out in ${folder}, found no *.in`)
  return Promise.all(
    names.map(async (name) => ({
      name,
      input: await readFile(join(folder, `${name}.in`)),
      expected: await readFile(join(folder, `${name}.out`), 'utf8'),
    })),
  )
}

/** @param {import('wasiexec').Outcome} outcome */
export function verdictOf(outcome, expected) {
  switch (outcome.kind) {
    case 'exit':
      if (outcome.code !== 0) return `runtime error (exit ${outcome.code})`
      return sameLines(outcome.stdout.toString(), expected) ? 'accepted' : 'wrong answer'
    case 'trap':
      return `runtime error (${outcome.trap.code})`
    case 'limit':
      return { cpu: 'time limit', timeout: 'time limit' }[outcome.limit] ?? `${outcome.limit} limit`
    case 'abort':
      return 'not judged'
  }
}

/**
 * Whether a run has waited until its time was over. One that computed meanwhile has not: on a loaded machine the wall clock
 * may come before `cpuMs`.
 *
 * @param {import('wasiexec').Outcome} outcome
 */
export function hasSlept(outcome) {
  const isTimeout = outcome.kind === 'limit' && outcome.limit === 'timeout'
  return isTimeout && outcome.usage.cpuMs < LIMITS.cpuMs / 5
}

/** Where in the source a run trapped, if the submission was compiled with debug information; else nothing. */
export function placeOf(outcome) {
  const { file, line } = (outcome.kind === 'trap' && outcome.trap.location) || {}
  return file === undefined ? '' : ` at ${basename(file)}:${line}`
}

/** White space at the end of lines and of the text does not count. */
function sameLines(a, b) {
  const lines = (text) => text.trimEnd().split('\n')
  const expected = lines(b)
  const printed = lines(a)
  return (
    printed.length === expected.length &&
    printed.every((line, index) => line.trimEnd() === expected[index].trimEnd())
  )
}

/** The beginning of what a program printed. */
export function excerpt(bytes, length = 1000) {
  const text = bytes.subarray(0, 4 * length).toString()
  return text.length <= length && bytes.length <= 4 * length ? text : `${text.slice(0, length)}…`
}
