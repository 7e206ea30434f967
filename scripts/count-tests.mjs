// Counts passed, failed and skipped tests in the output of ava (TAP) and cargo test. A test's own output never counts.

/** @typedef {{ passed: number, failed: number, skipped: number }} Totals */

/**
 * Only ava's own reporter writes to its TAP stream. Its plan (`1..N`) comes last: if there is none, ava crashed.
 * @param {string} tap
 * @param {number | null} exitCode
 * @returns {Totals}
 */
export function countAva(tap, exitCode) {
  const totals = { passed: 0, failed: 0, skipped: 0 }
  let planned = false
  for (const line of tap.split(/\r?\n/)) {
    const result = /^(not )?ok \d+ - /.exec(line)
    if (result) totals[kindOf(result, line)] += 1
    planned ||= /^1\.\.\d+$/.test(line)
  }
  if (!planned) totals.failed += 1
  return settle(totals, exitCode)
}

/**
 * Each failed test of ava with what ava says of it, for the end of a long log.
 * @param {string} tap
 */
export function avaFailures(tap) {
  return tap.match(/^not ok (?!.* # (?:SKIP|TODO)\b).*(?:\r?\n +.*)*/gm) ?? []
}

/** A test that is still to be written counts as skipped. */
function kindOf([, not], line) {
  if (/ # (SKIP|TODO)\b/.test(line)) return 'skipped'
  return not === undefined ? 'passed' : 'failed'
}

/**
 * Every test binary prints `running N tests` and ends with a result whose counts add up to N: if there is none, the
 * binary crashed. A line that a test printed to look like a result does not add up, or finds no open binary.
 * @param {string} stdout
 * @param {number | null} exitCode
 * @returns {Totals}
 */
export function countCargo(stdout, exitCode) {
  const totals = { passed: 0, failed: 0, skipped: 0 }
  let running
  for (const line of stdout.split(/\r?\n/)) {
    const start = /^running (\d+) tests?$/.exec(line)
    if (start) {
      if (running !== undefined) totals.failed += 1
      running = Number(start[1])
    }
    const end =
      /^test result: (?:ok|FAILED)\. (\d+) passed; (\d+) failed; (\d+) ignored; (\d+) measured; \d+ filtered out/.exec(
        line,
      )
    if (!end || running === undefined) continue
    const [passed, failed, ignored, measured] = end.slice(1).map(Number)
    if (passed + failed + ignored + measured !== running) continue
    totals.passed += passed
    totals.failed += failed
    totals.skipped += ignored
    running = undefined
  }
  if (running !== undefined) totals.failed += 1
  return settle(totals, exitCode)
}

/**
 * What each test binary with failures says of them, for the end of a long log.
 * @param {string} stdout
 */
export function cargoFailures(stdout) {
  return stdout.match(/^failures:\r?\n[^]*?(?=^test result: )/gm) ?? []
}

/** A failure that no line reported, and a run without a single test, are failures too. */
function settle(totals, exitCode) {
  if (totals.failed === 0 && (exitCode !== 0 || totals.passed === 0)) totals.failed = 1
  return totals
}
