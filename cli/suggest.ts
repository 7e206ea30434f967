/**
 * The option that other commands call by this name: `--memory` for `--max-memory`, `--timeout` for `--time-limit`.
 *
 * @param similar What is spelt much like it.
 */
export function suggestion(
  name: string,
  options: readonly string[],
  similar: string | undefined,
): string | undefined {
  const words = wordsOf(name).filter((word) => word.length >= MIN_WORD)
  const known = new Map(options.map((option) => [wordsOf(option).join('-'), option]))
  const same = words.find((word) => known.has(word))
  if (same !== undefined) return known.get(same)
  if (similar !== undefined) return similar
  const telling = words.filter((word) => !COMMON.has(word))
  const longer = [...known.keys()].find((option) => telling.some((word) => option.startsWith(word)))
  return longer === undefined ? undefined : known.get(longer)
}

/** Shorter words are the beginning of anything. */
const MIN_WORD = 3
/** Words that say what kind of option it is, and not which. */
const COMMON: ReadonlySet<string> = new Set(['allow', 'limit', 'max', 'min', 'set', 'with'])

function wordsOf(option: string): string[] {
  return option.toLowerCase().split('=')[0]!.split('-').filter(Boolean)
}
