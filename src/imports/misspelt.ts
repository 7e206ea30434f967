/** What is said of a missing import, if something was given that can be meant for it. */
export function misspelt(given: string, wanted: string): string {
  return `, \`${given}\` was given: did you mean \`${wanted}\`?`
}
