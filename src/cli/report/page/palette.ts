/** A colour on light and on dark pages. */
interface Colour {
  readonly light: string
  readonly dark: string
}

export type Slot = 'ok' | 'exit' | 'trap' | 'limit' | 'memory' | 'output' | 'abort' | 'error'

/**
 * What is counted has the same colour everywhere. After Okabe and Ito, so that they can be told apart with any
 * colour vision, and each stands out from its page (both are tested).
 */
export const COLOURS: Readonly<Record<Slot, Colour>> = {
  ok: { light: '#1f957a', dark: '#2fae8f' },
  exit: { light: '#c98700', dark: '#e9b13c' },
  trap: { light: '#c2401f', dark: '#e8673f' },
  limit: { light: '#2565ae', dark: '#5a96e3' },
  memory: { light: '#4f9fd6', dark: '#a8d8f8' },
  output: { light: '#b4589a', dark: '#d588bd' },
  abort: { light: '#868b91', dark: '#8a9098' },
  error: { light: '#24292f', dark: '#f2f4f6' },
}

/** The pages that they are on. */
export const PAPER: Colour = { light: '#ffffff', dark: '#14171a' }

/** The judges' words that `--each-file` gives; others take what is left. */
const VERDICTS: Readonly<Record<string, Slot>> = {
  accepted: 'ok',
  'wrong answer': 'exit',
  'runtime error': 'trap',
  'time limit': 'limit',
  'memory limit': 'memory',
  'output limit': 'output',
}
const LEFT: readonly Slot[] = ['abort', 'error', 'output', 'memory', 'limit', 'trap', 'exit']

/** A colour for each verdict; equal ones only where there are more verdicts than colours. */
export function verdictSlots(verdicts: readonly string[]): Map<string, Slot> {
  const slots = new Map<string, Slot>()
  const known = (verdict: string): Slot | undefined =>
    Object.hasOwn(VERDICTS, verdict) ? VERDICTS[verdict] : undefined
  const taken = new Set(verdicts.flatMap((verdict) => known(verdict) ?? []))
  const left = LEFT.filter((slot) => !taken.has(slot))
  let next = 0
  for (const verdict of verdicts) {
    const free = left.length === 0 ? 'abort' : left[next % left.length]!
    const slot = known(verdict)
    if (slot === undefined) next += 1
    slots.set(verdict, slot ?? free)
  }
  return slots
}
