import { spawn } from 'node:child_process'
import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { ended } from '../support/child.ts'
import { at, documented, script, snippets } from '../support/documented.ts'

const { provideVenv, venvProgram } = (await import(
  new URL('../../scripts/venv.mjs', import.meta.url).href
)) as {
  provideVenv(folder: string, requirements: string): void
  venvProgram(folder: string, name: string): string
}

/** Python with the wasmtime of the bench, or nothing where there is none, which CI must not pass over. */
function python(): string | undefined {
  try {
    provideVenv(at('bench/.venv'), at('bench/requirements.txt'))
    return venvProgram(at('bench/.venv'), 'python')
  } catch (error) {
    if (process.env['CI'] !== undefined) throw error
    console.warn(`the snippets in Python are skipped: ${(error as Error).message}`)
    return undefined
  }
}

/** node:wasi says on stderr that it is experimental. */
const QUIET = { NODE_NO_WARNINGS: '1' }

for (const [index, { code, printed }] of (await snippets('migrating.md')).entries()) {
  const [, rival] = /from '(?!wasiexec|node:fs|node:readline)([^']+)'/.exec(code) ?? []
  test(`snippet ${index} of docs/migrating.md, ${rival ?? 'ours'}, prints what stands below`, async (t) => {
    const path = await documented(t)
    await copyFile(at('__test__/support/native-tool.mjs'), join(path, 'tool.mjs'))
    const file = join(path, 'snippet.mjs')
    await writeFile(file, code)
    const { stdout, stderr } = await script(file, [], '', path, QUIET)
    t.is(stdout, printed, `${code}\n${stderr}`)
    t.is(stderr, '')
    t.not(printed, '')
  })
}

const command = python()
const pythonTest = command === undefined ? test.skip : test
pythonTest('the snippet in Python of docs/migrating.md prints what stands below', async (t) => {
  const [snippet, ...more] = await snippets('migrating.md', 'python')
  t.deepEqual(more, [])
  const child = spawn(command!, ['-c', snippet!.code], { cwd: await documented(t) })
  child.stdin.end()
  const { stdout, stderr } = await ended(child)
  t.is(stdout.replaceAll('\r\n', '\n'), snippet!.printed, stderr)
})

test('docs/migrating.md names the versions that its snippets were run with', async (t) => {
  const text = await readFile(at('docs/migrating.md'), 'utf8')
  const { devDependencies } = JSON.parse(await readFile(at('package.json'), 'utf8')) as {
    devDependencies: Record<string, string>
  }
  const [major, minor] = devDependencies['@wasmer/sdk']!.split('.')
  t.true(text.includes(`Version ${major}.${minor}. It runs Wasmer`))
  const [, wasmtime] = /^wasmtime==(\d+)/m.exec(
    await readFile(at('bench/requirements.txt'), 'utf8'),
  )!
  t.true(text.includes(`Version ${wasmtime} of the Python package`))
})
