import { execFile } from 'node:child_process'
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { rolldown } from 'rolldown'
import { folder, watPath } from '../support/guest.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const tsc = join(root, 'node_modules/typescript/bin/tsc')
const { files: whitelist, version } = createRequire(import.meta.url)('../../package.json') as {
  files: string[]
  version: string
}
const budget = createRequire(import.meta.url)('../../scripts/release/budget.json') as {
  root: number
}

const exec = promisify(execFile)
const node = async (cwd: string, ...args: string[]): Promise<string> =>
  (await exec(process.execPath, args, { cwd })).stdout.replaceAll('\r\n', '\n')
const npm = async (cwd: string, ...args: string[]): Promise<string> =>
  (await exec('npm', args, { cwd, shell: process.platform === 'win32' })).stdout

/** Packs a folder; returns the tarball's name, its size, and the files in it. */
async function pack(
  cwd: string,
  ...args: string[]
): Promise<{ filename: string; size: number; files: string[] }> {
  const report = JSON.parse(await npm(cwd, 'pack', '--json', ...args)) as {
    filename: string
    size: number
    files: { path: string }[]
  }[]
  const { filename, size, files } = report[0]!
  return { filename, size, files: files.map((file) => file.path).toSorted() }
}

/** The platform of this machine, such as `linux-x64-gnu`. */
const here = (await readdir(join(root, 'src/native')))
  .map((file) => /^wasiexec\.(.+)\.node$/.exec(file)?.[1])
  .find((platform) => platform !== undefined)!

/** The package as a release has it: all platforms as optional dependencies, only this machine's among the tarballs. */
async function installRelease(folder: string): Promise<void> {
  const staged = join(folder, 'stage')
  await node(root, 'scripts/release/stage.mjs', staged, '--stubs')
  const platform = join(staged, 'npm', here)
  const tarballs = [
    join(staged, (await pack(staged)).filename),
    join(platform, (await pack(platform)).filename),
  ]
  await writeFile(join(folder, 'package.json'), '{ "private": true }')
  await npm(folder, 'install', '--no-audit', '--no-fund', '--offline', ...tarballs)
  await rm(staged, { recursive: true })
}

/** What a user compiles whose library is as old as the oldest one that the types ask for. */
const OLD_USER = `
import { load, orThrow, Runtime, WasiexecError, type BatchResult, type Outcome } from 'wasiexec'

export async function use(source: Uint8Array): Promise<string[]> {
  const program = await load(source, { runtime: new Runtime({ threads: 1 }) })
  const outcome: Outcome = await program.run({ limits: { fuel: 10n }, signal: new AbortController().signal })
  const codes: string[] = outcome.kind === 'exit' ? [String(outcome.code)] : []
  const batch = program.batch([{ id: 'a', args: ['a'] }])
  for await (const { id, outcome } of batch) codes.push(id, outcome?.kind ?? 'none')
  for await (const results of batch.chunks())
    codes.push(...results.map((result: BatchResult<string>) => result.id))
  program[Symbol.dispose]()
  return [...codes, orThrow(outcome).stdout.toString()]
}

export const wrapped: Error = new WasiexecError('ERR_INTERNAL', 'wrapped', { cause: new Error() })
`

/** The README's first example and what it says that the example prints. */
async function readmeExample(): Promise<{ code: string; output: string }> {
  const readme = await readFile(join(root, 'README.md'), 'utf8')
  const blocks = [...readme.replaceAll('\r\n', '\n').matchAll(/^```(\w*)\n(.*?)^```$/gms)]
  const first = blocks.findIndex(([, language]) => language === 'js')
  const [code, output] = [blocks[first]?.[2], blocks[first + 1]]
  if (code === undefined || output?.[1] !== 'text')
    throw new Error('README.md: the first ```js block needs a ```text block after it')
  return { code, output: output[2]! }
}

/** ESM to CommonJS, as far as an example needs it: named, default and namespace imports, and top-level await. */
function toCommonJs(code: string): string {
  const body = code.replaceAll(
    /^import (?:\* as )?(.+?) from (.+?);?$/gm,
    (_, names: string, from: string) => {
      return `const ${names.replaceAll(' as ', ': ')} = require(${from})`
    },
  )
  return `(async () => {\n${body}\n})()\n`
}

/** Without an addon that fits there is no command, and that is said in a line. */
async function refused(
  t: ExecutionContext,
  folder: string,
  said: RegExp,
  ...argv: string[]
): Promise<void> {
  const called = node(folder, 'node_modules/wasiexec/bin/wasiexec.mjs', ...argv)
  const error = await t.throwsAsync(called)
  t.like(error, { code: 125, stdout: '' })
  t.regex((error as Error & { stderr: string }).stderr, said)
}

test('in a minified bundle, the program of a worker process needs nothing of the bundle', async (t) => {
  const build = await rolldown({ input: join(root, 'src/port/worker.ts'), platform: 'node' })
  const file = join(await folder(t), 'bundle.mjs')
  await build.write({ file, format: 'esm', minify: true })
  await build.close()
  const { WORKER } = (await import(pathToFileURL(file).href)) as { WORKER: string }
  const { stderr } = await t.throwsAsync<Error & { stderr: string }>(
    exec(process.execPath, ['-e', WORKER, join(root, 'no-addon.node'), '3']),
  )
  t.regex(stderr, /ERR_DLOPEN_FAILED/)
})

test('the package holds exactly the whitelisted files', async (t) => {
  const packed = await pack(root, '--dry-run')
  const command = (await readdir(join(root, 'dist/cli'))).map((file) => `dist/cli/${file}`)
  const files = whitelist.flatMap((file) => (file === 'dist/cli' ? command : file))
  t.deepEqual(packed.files, ['LICENSE', 'README.md', 'package.json', ...files].toSorted())
})

test('the package is within its budget, as it is here and as a release has it', async (t) => {
  const staged = join(await folder(t), 'stage')
  await node(root, 'scripts/release/stage.mjs', staged, '--stubs')
  for (const cwd of [root, staged]) {
    const { size } = await pack(cwd, '--dry-run')
    t.true(size <= budget.root, `expected at most ${budget.root} bytes, got ${size}`)
  }
})

test('an installed release runs the README example from ESM and from CommonJS, and the command', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'wasiexec-pack-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  await installRelease(folder)

  const { code, output } = await readmeExample()
  await cp(watPath('hello'), join(folder, 'hello.wasm'))
  await writeFile(join(folder, 'example.mjs'), code)
  await writeFile(join(folder, 'example.cjs'), toCommonJs(code))
  t.is(await node(folder, 'example.mjs'), output)
  t.is(await node(folder, 'example.cjs'), output)
  t.is(
    await npm(folder, 'exec', '--offline', '--', 'wasiexec', '--version'),
    `wasiexec ${version}\n`,
  )

  // Its command knows the verb of a package that is not installed.
  const missing =
    /^wasiexec: the verb worker is in @wasiexec\/bullmq: npm install @wasiexec\/bullmq\n$/
  await refused(t, folder, missing, 'worker', '--queue', 'q')
  const forbidden = node(folder, '--no-addons', '--eval', "require('wasiexec')")
  t.regex(
    String(await t.throwsAsync(forbidden)),
    /Error: the binary for [a-z\d-]+ cannot be loaded: Cannot load native addon because /,
  )
  const scope = join(folder, 'node_modules/@wasiexec')
  const name = `@wasiexec/binding-${here}`
  await writeFile(join(scope, `binding-${here}`, `wasiexec.${here}.node`), 'no binary')
  await refused(
    t,
    folder,
    new RegExp(`^wasiexec: ${name}, .* is installed but cannot be loaded: `),
    '--version',
  )
  await rm(scope, { recursive: true })
  await refused(
    t,
    folder,
    new RegExp(`^wasiexec: ${name}, .* is not installed\\. Usual causes: `),
    '--version',
  )
  const script = `
    Object.defineProperty(process, 'platform', { value: 'sunos' })
    try { require('wasiexec') } catch ({ code, message }) { console.log(code, message) }`
  const said = await node(folder, '--eval', script)
  t.regex(
    said,
    /^ERR_NO_BINARY expected one of darwin-arm64, .*, got sunos-\w+: there is no binary/,
  )
})

test('the types need nothing newer than the library of ES2020', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'wasiexec-types-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  await installRelease(folder)
  await writeFile(join(folder, 'user.mts'), OLD_USER)
  await writeFile(join(folder, 'user.cts'), OLD_USER)
  const compilerOptions = {
    target: 'es2020',
    lib: ['es2020'],
    module: 'node16',
    strict: true,
    noEmit: true,
    typeRoots: [join(root, 'node_modules/@types')],
    types: ['node'],
  }
  const config = JSON.stringify({ compilerOptions, files: ['user.mts', 'user.cts'] })
  await writeFile(join(folder, 'tsconfig.json'), config)
  t.is(await node(folder, tsc).catch((error: { stdout: string }) => error.stdout), '')
})

test('ESM and CommonJS share one instance', async (t) => {
  const script = `
    import { createRequire } from 'node:module'
    import * as esm from 'wasiexec'
    const cjs = createRequire(import.meta.url)('wasiexec')
    console.log(Object.keys(cjs).length > 0 && Object.keys(cjs).every((name) => cjs[name] === esm[name]))`
  t.is(await node(root, '--input-type=module', '--eval', script), 'true\n')
})
