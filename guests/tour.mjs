// The component of src/tour/wit in one language each: `await tour('python')` returns the path of a `.wasm`. Rust's
// and Go's are packed in bin/; those of Python and JavaScript are built by the tools of guests/tools at the first call.
import { execFile } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { install } from '../scripts/install.mjs'
import { venvProgram } from '../scripts/venv.mjs'
import { guest } from './unpack.mjs'

const run = promisify(execFile)
const at = (path) => fileURLToPath(new URL(path, import.meta.url))
const [TOOLS, BUILT, WIT] = [at('tools'), at('.unpacked/built'), at('src/tour/wit')]
const SOURCES = { python: at('src/tour/python'), javascript: at('src/tour/js') }
const program = (name) => venvProgram(join(TOOLS, '.venv'), name)

/** How a language's component comes to be. */
const WAYS = {
  rust: () => guest('tour-rust'),
  go: () => guest('tour-go'),
  python: () =>
    build('tour-python', [WIT, SOURCES.python], python(WIT, 'tour', SOURCES.python, 'app')),
  javascript: () =>
    build('tour-javascript', [WIT, SOURCES.javascript], tourOf('starlingmonkey')),
  quickjs: () => build('tour-quickjs', [WIT, SOURCES.javascript], tourOf('quickjs')),
}

/** The languages that `tour` knows. */
export const languages = Object.freeze(Object.keys(WAYS))

/** Installs the tools; throws where that is not possible. */
export function provideTools() {
  install(TOOLS)
}

/**
 * The path of the component.
 * @param {string} language one of `languages`
 * @returns {Promise<string>}
 */
export function tour(language) {
  return WAYS[language]()
}

/**
 * The same, with its store provided by another component, whose path is given.
 * @param {string} language
 * @param {string} store
 * @returns {Promise<string>}
 */
export async function composed(language, store) {
  const path = await tour(language)
  return build(`tour-${language}-${basename(store, '.wasm')}`, [path, store], async (output) => {
    // The name of the file becomes that of an instance, which has rules of its own.
    const folder = await mkdtemp(join(BUILT, 'compose-'))
    try {
      const provider = join(folder, 'tour-store.wasm')
      await copyFile(store, provider)
      await run(program('wasm-tools'), ['compose', path, '-d', provider, '-o', output])
    } finally {
      await rm(folder, { recursive: true })
    }
  })
}

/**
 * The path of a component of src/later/wit, whose functions are those of WASI 0.3 that are async, in Python.
 * @returns {Promise<string>}
 */
export function later() {
  const [wit, source] = [at('src/later/wit'), at('src/later/python')]
  return build('later-python', [wit, source], python(wit, 'later', source, 'app'))
}

/**
 * The path of the component that runs snippets of a language, from examples/sessions.
 * @param {'python' | 'javascript'} language
 * @returns {Promise<string>}
 */
export function session(language) {
  const folder = at('../examples/sessions')
  const wit = join(folder, 'wit')
  const [source, make] =
    language === 'python'
      ? ['session.py', python(wit, 'session', folder, 'session')]
      : ['session.js', javascript('quickjs', join(folder, 'session.js'), wit, 'session')]
  return build(`session-${language}`, [wit, join(folder, source)], make)
}

function python(wit, world, folder, module) {
  const args = ['-d', wit, '-w', world, 'componentize', '-p', folder, module, '-o']
  return (output) => run(program('componentize-py'), [...args, output])
}

function tourOf(engine) {
  return javascript(engine, join(SOURCES.javascript, 'app.js'), WIT, 'tour')
}

function javascript(engine, source, wit, world) {
  const script = join(TOOLS, 'componentize.mjs')
  return (output) => run(process.execPath, [script, engine, source, wit, world, output])
}

/** What was built of the same files is taken again. */
async function build(name, sources, make) {
  const digest = createHash('sha256')
  const tools = ['package-lock.json', 'requirements.txt', 'componentize.mjs']
  const files = [...tools.map((file) => join(TOOLS, file)), ...sources.flatMap(filesOf)]
  for (const file of files) digest.update(readFileSync(file))
  const path = join(BUILT, `${name}-${digest.digest('hex').slice(0, 16)}.wasm`)
  if (existsSync(path)) return path
  provideTools()
  await mkdir(BUILT, { recursive: true })
  const output = join(BUILT, `${randomUUID()}.wasm`)
  await make(output)
  await rename(output, path)
  return path
}

function filesOf(path) {
  if (statSync(path).isFile()) return [path]
  return readdirSync(path)
    .filter((name) => name !== '__pycache__')
    .toSorted()
    .flatMap((name) => filesOf(join(path, name)))
}
