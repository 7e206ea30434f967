// Words of messages. The command, its reports and the packages have them, too.

/** A noun that is regular, for so many: `job`, `jobs`. */
export function plural(noun: string, count: number): string {
  return count === 1 ? noun : `${noun}s`
}

/** What was thrown, in words. It may be anything, also what has no words. */
export function thrownWords(thrown: unknown): string {
  try {
    return thrown instanceof Error ? thrown.message : String(thrown)
  } catch {
    return 'it threw something that is not an Error'
  }
}

/** Text that a program chose, with everything escaped that a terminal would obey or a log take for a new line. */
export function printable(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`,
  )
}

/** The most texts that a message lists. */
const MAX_LISTED = 20

/** The first of these texts, and how many more there are. */
export function listed(texts: readonly string[]): string {
  if (texts.length === 0) return 'none'
  const more = texts.length - MAX_LISTED
  return texts.slice(0, MAX_LISTED).join(', ') + (more > 0 ? ` and ${more} more` : '')
}

/** The first of the known names that is much like this one. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  if (name === '') return undefined
  return known.find(
    (candidate) => candidate !== '' && isNear(candidate.toLowerCase(), name.toLowerCase()),
  )
}

/** Whether they are one edit or one swap of neighbours apart, or one is the beginning of the other: `timeout` for `timeoutMs`. */
function isNear(a: string, b: string): boolean {
  if (a.startsWith(b) || b.startsWith(a)) return true
  if (Math.abs(a.length - b.length) > 1) return false
  let start = 0
  while (start < a.length && a[start] === b[start]) start += 1
  let end = 0
  while (end < a.length - start && a.at(-1 - end) === b.at(-1 - end)) end += 1
  const apart = Math.max(a.length, b.length) - start - end
  const isSwap = apart === 2 && a[start] === b[start + 1] && a[start + 1] === b[start]
  return apart <= 1 || isSwap
}
