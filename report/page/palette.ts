/** A colour on light and on dark pages. */
interface Colour {
  readonly light: string
  readonly dark: string
}

export type Slot = 'ok' | 'exit' | 'trap' | 'limit' | 'memory' | 'output' | 'abort' | 'error'

/**
 * What is counted has the same colour everywhere. The colours differ for any colour vision, and each stands out
 * from its page (both are tested).
 */
export const COLOURS: Readonly<Record<Slot, Colour>> = {
  ok: { light: '#178370', dark: '#3fbe94' },
  exit: { light: '#c98300', dark: '#f2b233' },
  trap: { light: '#ae2f0c', dark: '#e0602c' },
  limit: { light: '#3346b4', dark: '#6a80f2' },
  memory: { light: '#2a9ce0', dark: '#9ad2fa' },
  output: { light: '#7e4088', dark: '#ad7bb2' },
  abort: { light: '#868c93', dark: '#656b72' },
  error: { light: '#1d2227', dark: '#f0f2f4' },
}

/** The colours of the pages. */
export const PAPER: Colour = { light: '#ffffff', dark: '#14171a' }

/** The verdicts of `--each-file`, and what is in their place where nothing was judged; others take the colours left. */
const VERDICTS: Readonly<Record<string, Slot>> = {
  accepted: 'ok',
  'wrong answer': 'exit',
  'runtime error': 'trap',
  'time limit': 'limit',
  'memory limit': 'memory',
  'output limit': 'output',
  abort: 'abort',
  error: 'error',
}
const LEFT: readonly Slot[] = ['abort', 'error', 'output', 'memory', 'limit', 'trap', 'exit']

/** One colour per verdict; verdicts share colours only where there are more verdicts than colours. */
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
