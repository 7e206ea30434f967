// The rows of a rehearsal: each is printed when it is known, and a failed one does not stop those after it.

let failed = 0
let passed = 0

/**
 * Carries out one check and prints its row.
 * @param {string} name
 * @param {() => string | undefined | Promise<string | undefined>} body returns what the row says beside its result
 * @returns {Promise<boolean>}
 */
export async function check(name, body) {
  try {
    print('ok', name, await body())
    passed += 1
    return true
  } catch (error) {
    print('FAILED', name, error instanceof Error ? error.message : String(error))
    failed += 1
    return false
  }
}

/** A row for what cannot be checked here. */
export function skip(name, reason) {
  print('skipped', name, reason)
}

/** Prints the totals; returns whether all went well. */
export function conclude() {
  console.log(`${passed} passed, ${failed} failed`)
  return failed === 0
}

function print(result, name, detail = '') {
  console.log(`${result.padEnd(8)} ${name.padEnd(34)} ${detail.replaceAll('\n', '\n'.padEnd(45))}`)
}
