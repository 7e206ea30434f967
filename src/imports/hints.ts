/** What is said of a missing import, if something was given that can be meant for it. */
export function misspelt(given: string, wanted: string): string {
  return `, \`${given}\` was given: did you mean \`${wanted}\`?`
}

/** What is said of a missing import for whose module an object of a class was given. */
export function notOwn(member: string, instance: string): string {
  return `, \`imports${member}\` is ${instance} without functions of its own, and methods of a class are not taken`
}
