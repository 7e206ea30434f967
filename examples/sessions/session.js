// For componentize-qjs, where `print` and `fetch` of the world are global.

/** Strings of components have no halves of pairs. */
const whole = (value) => String(value).toWellFormed()
const text = (value) => whole(typeof value === 'object' ? json(value) : value)

function json(value) {
  try {
    return JSON.stringify(value)
  } catch {
    return value
  }
}

const { print: give, fetch: load } = globalThis
Object.assign(globalThis, {
  print: (value) => give(whole(value)),
  fetch: (url) => load(whole(url)),
  console: { log: (...values) => give(`${values.map(text).join(' ')}\n`) },
})

/** What is declared with `var` or `function` stays for the next snippet; `let` and `const` end with theirs. */
export function evaluate(source) {
  try {
    // oxlint-disable-next-line no-eval
    const value = (0, eval)(source)
    return value === undefined ? null : text(value)
  } catch (error) {
    throw describe(error)
  }
}

function describe(error) {
  try {
    return whole(error)
  } catch {
    return 'an exception without a text'
  }
}

export function readFile() {
  throw 'JavaScript has no files here'
}
