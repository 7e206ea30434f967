// `wasiexec batch --report`: that the page has all results; what is on it, cli-report.test.ts looks at.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { batch, jobsFile } from '../support/batch-command.ts'
import { watPath } from '../support/guest.ts'

test('a report has the results of this session and of those before', async (t) => {
  const jobs = ['alpha', 'beta', 'gamma'].map((id) => ({ id: `job ${id}`, args: ['3'] }))
  const { jobs: path, results, folder } = await jobsFile(t, jobs)
  const report = join(folder, 'report.html')
  const words = [watPath('exit-argv'), path, '-o', results, '-q']
  await batch([...words, '--stop-on-failure'])
  const { status, stderr } = await batch([...words, '--resume', '--report', report])
  t.is(status, 0, stderr)
  const page = await readFile(report, 'utf8')
  for (const { id } of jobs) t.true(page.includes(id), id)
  // As the documentation names it.
  t.true(page.includes('<span>WASI 0.1</span>'))
})

test('a report that cannot be written stops the batch before it runs', async (t) => {
  const { jobs, results, folder } = await jobsFile(t, [{}])
  const there = join(folder, 'there.html')
  await writeFile(there, 'precious')
  await mkdir(join(folder, 'folder'))
  const device = process.platform === 'win32' ? [] : ['/dev/null']
  const cases: readonly [report: string, message: RegExp][] = [
    [there, /--report: .*there\.html exists; --force replaces it/],
    [join(folder, 'folder'), /--report: .* is a folder/],
    ...device.map((path): [string, RegExp] => [path, /--report: .* is not a regular file/]),
    [join(folder, 'missing', 'report.html'), /cannot write the report: ENOENT/],
    [results, /--report: .* is the program, the input or the output of this batch/],
  ]
  for (const [report, message] of cases) {
    const words = [watPath('hello'), jobs, '-o', results, '--report', report]
    const { status, stderr } = await batch(words)
    t.is(status, 125)
    t.regex(stderr, message)
    t.is(stderr.split('\n').length, 2)
  }
  t.is(await readFile(there, 'utf8'), 'precious')
  const forced = await batch([watPath('hello'), jobs, '--report', there, '--force'])
  t.is(forced.status, 0, forced.stderr)
  t.regex(await readFile(there, 'utf8'), /^<!doctype html>/i)
})
