// For componentize-qjs, where `print` and `fetch` of the world are global.
const text = (value) =>
  typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value))
globalThis.console = { log: (...values) => print(`${values.map(text).join(' ')}\n`) }

/** What is declared with `var` or `function` stays for the next snippet; `let` and `const` end with theirs. */
export function evaluate(source) {
  try {
    // oxlint-disable-next-line no-eval
    const value = (0, eval)(source)
    return value === undefined ? null : text(value)
  } catch (error) {
    throw String(error)
  }
}

export function readFile() {
  throw 'JavaScript has no files here'
}
