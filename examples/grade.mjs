// Grades a folder of submissions against a folder of cases, for CI:
//   node examples/grade.mjs [--submissions FOLDER] [--cases FOLDER] [--junit FILE] [--summary FILE]
// Prints a line per submission, writes JUnit's XML and a summary in Markdown, and exits with 1 unless all are accepted.
import { appendFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { describeOutcome, load } from 'wasiexec'
import { excerpt, LIMITS, readCases, verdictOf } from './judging/verdict.mjs'

const at = (path) => fileURLToPath(new URL(path, import.meta.url))
const { values } = parseArgs({
  options: {
    submissions: { type: 'string', default: at('judging/submissions') },
    cases: { type: 'string', default: at('judging/cases') },
    junit: { type: 'string' },
    summary: { type: 'string' },
  },
})

const cases = await readCases(values.cases)
const files = (await readdir(values.submissions)).filter((name) => /\.wa(?:sm|t)$/.test(name))
if (files.length === 0) {
  throw new Error(`expected *.wasm or *.wat in ${values.submissions}, found none`)
}
const submissions = await Promise.all(files.toSorted().map(loadSubmission))
const graded = new Map(submissions.map((submission) => [submission, []]))

/** A file that is not a program is graded, too. */
async function loadSubmission(name) {
  try {
    // Each is run a few times: compiling must be quick, and nothing of it is kept.
    const options = { compiler: 'baseline', cache: false }
    return { name, program: await load(join(values.submissions, name), options) }
  } catch (error) {
    return { name, error }
  }
}

function* jobs() {
  for (const submission of submissions) {
    const { program, error } = submission
    for (const test of cases) {
      const id = { submission, test }
      yield error === undefined ? { id, program, stdin: test.input } : { id, error }
    }
  }
}

// Any program has batches, and each of these jobs names its own.
const [any] = submissions.flatMap(({ program }) => program ?? [])
const empty = Buffer.from('(module (func (export "_start")))')
const batch = (any ?? (await load(empty))).batch(jobs(), { defaults: { limits: LIMITS } })
for await (const { id, outcome, error } of batch) {
  const { submission, test } = id
  graded.get(submission).push({ test: test.name, ...resultOf(outcome, error, test.expected) })
}

/** Without an outcome nothing was run: the file is not a program, or imports what is not given. */
function resultOf(outcome, error, expected) {
  if (outcome === undefined) {
    const details = (error.cause ?? error).message
    return { tag: 'error', verdict: 'not a program', seconds: 0, details }
  }
  const verdict = verdictOf(outcome, expected)
  const details = [
    describeOutcome(outcome),
    `stdout: ${excerpt(outcome.stdout)}`,
    `stderr: ${excerpt(outcome.stderr)}`,
  ].join('\n')
  return { tag: 'failure', verdict, seconds: outcome.usage.wallMs / 1000, details }
}

const rows = [...graded].map(([{ name }, results]) => ({
  name,
  results,
  score: results.filter(({ verdict }) => verdict === 'accepted').length,
}))
for (const { name, score, results } of rows) {
  const verdicts = results.map(({ verdict }) => verdict).join(', ')
  console.log(`${name.padEnd(12)}${score}/${cases.length}  ${verdicts}`)
}
if (values.junit !== undefined) await writeFile(values.junit, junit())
if (values.summary !== undefined) await appendFile(values.summary, markdown())
process.exitCode = rows.every(({ score }) => score === cases.length) ? 0 : 1

function junit() {
  const suites = rows.map(({ name, results, score }) => {
    const errors = results.filter(({ tag }) => tag === 'error').length
    const failures = results.length - score - errors
    const counts = `tests="${results.length}" failures="${failures}" errors="${errors}"`
    const tests = results.map((result) => `${testcase(name, result)}\n`)
    return `<testsuite name="${xml(name)}" ${counts}>\n${tests.join('')}</testsuite>`
  })
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n${suites.join('\n')}\n</testsuites>\n`
}

function testcase(name, { test, tag, verdict, seconds, details }) {
  const head = `<testcase classname="${xml(name)}" name="${xml(test)}" time="${seconds.toFixed(3)}"`
  if (verdict === 'accepted') return `${head}/>`
  return `${head}><${tag} message="${xml(verdict)}">${xml(details)}</${tag}></testcase>`
}

/** Submissions print what they like, and XML cannot hold all of it. */
function xml(text) {
  return text
    .replaceAll(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '\uFFFD')
    .replaceAll(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`)
}

function markdown() {
  // Names come from submitters; a name must not become a link, a tag or another cell.
  const cell = (text) => text.replaceAll(/[^\w .()-]/g, (sign) => `&#${sign.codePointAt(0)};`)
  const lines = rows.map(({ name, score, results }) => {
    const verdicts = [...new Set(results.map(({ verdict }) => verdict))].join(', ')
    return `| ${cell(name)} | ${score}/${cases.length} | ${cell(verdicts)} |`
  })
  return ['| submission | score | verdicts |', '|---|---|---|', ...lines, ''].join('\n')
}
