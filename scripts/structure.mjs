// Which part of the code may import which, for both languages. `findFaults` returns what breaks these rules. A wing is
// a file at the top of a source folder, or a folder there together with the file of the same name. The row of a wing
// lists the wings that it may import. Files of one wing may import each other, but never in a circle.
// It reads the text of imports and paths. So it does not see a type that is used without its name (what a method
// returns), a path that a macro makes, what is behind a root's re-export (an import of the root), `require`, and files
// that end in `.mjs` or `.cjs`. It leaves out `lib.rs`, and a Rust file from its module of tests on.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'

/** The core, from the bottom up. */
export const CORE = {
  error: [],
  lock: [],
  platform: [],
  digest: ['platform'],
  files: ['error'],
  guest: ['error', 'files', 'lock', 'platform'],
  symbols: ['guest', 'lock'],
  stdio: ['guest', 'lock'],
  network: ['lock'],
  host_functions: ['error', 'lock'],
  http: ['error', 'lock', 'network', 'stdio'],
  component: ['error', 'lock'],
  options: ['error', 'files', 'guest', 'host_functions', 'http', 'network', 'stdio'],
  wasi: [
    'component',
    'error',
    'files',
    'guest',
    'host_functions',
    'http',
    'lock',
    'network',
    'options',
    'stdio',
  ],
  engine: ['error', 'guest', 'lock', 'wasi'],
  program: [
    'component',
    'digest',
    'engine',
    'error',
    'guest',
    'lock',
    'options',
    'platform',
    'stdio',
    'symbols',
    'wasi',
  ],
  schedule: [
    'component',
    'engine',
    'error',
    'files',
    'guest',
    'host_functions',
    'http',
    'lock',
    'options',
    'program',
    'stdio',
    'wasi',
  ],
  snapshot: ['engine', 'error', 'guest', 'lock', 'options', 'program', 'stdio', 'wasi'],
  runtime: ['engine', 'error', 'guest', 'lock', 'options', 'program', 'schedule', 'snapshot'],
  port: [
    'error',
    'files',
    'guest',
    'host_functions',
    'http',
    'lock',
    'network',
    'options',
    'platform',
    'program',
    'runtime',
    'schedule',
    'snapshot',
    'stdio',
  ],
  workers: [
    'error',
    'guest',
    'host_functions',
    'lock',
    'options',
    'platform',
    'port',
    'program',
    'runtime',
    'schedule',
    'stdio',
  ],
  binding: [
    'error',
    'host_functions',
    'http',
    'lock',
    'port',
    'program',
    'runtime',
    'schedule',
    'snapshot',
    'workers',
  ],
}

/** The library, from the bottom up. */
export const LIBRARY = {
  encoder: [],
  words: [],
  protocol: [],
  options: ['imports'],
  stats: [],
  outcome: ['protocol'],
  errors: ['outcome', 'words'],
  inspection: ['errors'],
  'option-names': [],
  check: ['errors', 'option-names', 'words'],
  wit: ['check', 'encoder', 'outcome', 'words'],
  imports: ['check', 'errors', 'inspection', 'wit', 'words'],
  declarations: ['imports', 'inspection', 'wit'],
  port: [
    'check',
    'encoder',
    'errors',
    'imports',
    'option-names',
    'options',
    'outcome',
    'protocol',
    'stats',
    'wit',
    'words',
  ],
  diagnostics: ['options', 'outcome'],
  runtime: ['check', 'errors', 'port', 'stats'],
  guest: ['check', 'diagnostics', 'errors', 'options', 'outcome', 'port', 'protocol'],
  instance: [
    'encoder',
    'wit',
    'check',
    'diagnostics',
    'errors',
    'imports',
    'option-names',
    'options',
    'outcome',
    'port',
    'words',
  ],
  batch: [
    'encoder',
    'check',
    'diagnostics',
    'errors',
    'imports',
    'instance',
    'options',
    'outcome',
    'port',
    'stats',
    'wit',
  ],
  serve: [
    'check',
    'diagnostics',
    'encoder',
    'errors',
    'guest',
    'imports',
    'option-names',
    'options',
    'outcome',
    'port',
    'protocol',
  ],
  'load-options': ['check', 'options', 'port', 'runtime'],
  snapshot: ['check', 'errors', 'load-options', 'options', 'outcome'],
  program: [
    'batch',
    'check',
    'declarations',
    'diagnostics',
    'errors',
    'guest',
    'imports',
    'inspection',
    'instance',
    'load-options',
    'options',
    'outcome',
    'port',
    'serve',
    'snapshot',
    'wit',
  ],
  run: ['check', 'diagnostics', 'errors', 'load-options', 'options', 'outcome', 'port', 'program'],
  index: [
    'batch',
    'diagnostics',
    'errors',
    'guest',
    'imports',
    'inspection',
    'instance',
    'load-options',
    'options',
    'outcome',
    'program',
    'run',
    'runtime',
    'serve',
    'snapshot',
    'stats',
    'wit',
  ],
}

/** What is built on the library. */
export const PRODUCTS = { src: [], report: ['src'], cli: ['report', 'src'] }

/** What these see of the library: the public API, and words of messages. */
export const SEEN = ['src/index.ts', 'src/words.ts']

/** What packages in packages/ have of the library and the command besides the public API: what they bundle. */
export const BUNDLED = [
  'cli/flag-names.ts',
  'cli/limit-flags.ts',
  'cli/network-flags.ts',
  'cli/quantities.ts',
  'cli/suggest.ts',
  'cli/worker-flags.ts',
  'src/option-names.ts',
  'src/outcome.ts',
  'src/words.ts',
]

/** Imports that break a rule, with the reason. */
export const EXCEPTIONS = [
  // Only a type: a job may name another program, and a program has batches.
  ['batch/options.ts', 'program.ts'],
]

/** @typedef {{ file: string, wing: string, imports: string[] }} File Imports are files of the same tree. */

/**
 * The files of a Rust crate, with the files that they import. `crate::a::B` is an import of the file of `a`. Tests
 * may import anything.
 * @param {string} root
 * @returns {File[]}
 */
export function readRust(root) {
  const files = sourceFiles(root, '.rs')
  const known = new Set(files)
  // The root of the crate names everything.
  return files
    .filter((file) => file !== 'lib.rs')
    .map((file) => {
      const code = withoutTests(readFileSync(join(root, file), 'utf8')).replaceAll(/\/\/.*/g, '')
      const own = file.replace(/\.rs$/, '').split('/')
      const imports = new Set()
      for (const [, start, path] of withoutBraces(code).matchAll(
        /\b(crate|super|self)((?:::\w+)+)/g,
      )) {
        const names = path.split('::').slice(1)
        const base = { crate: [], super: own.slice(0, -1), self: [...own] }[start]
        while (names[0] === 'super') {
          names.shift()
          base.pop()
        }
        const target = fileOf([...base, ...names], known)
        if (target !== undefined) imports.add(target)
      }
      // A root re-exports what its files have: `pub use stop::Control`.
      for (const [, name] of code.matchAll(/^(?:pub(?:\([a-z]+\))? )?use (\w+)(?:::|;)/gm)) {
        const target = fileOf([...own, name], known)
        if (target !== undefined) imports.add(target)
      }
      imports.delete(file)
      return { file, wing: own[0], imports: [...imports].toSorted() }
    })
}

/** `super::{a, b::C}` as `super::a super::b::C`, and so for braces in braces. */
function withoutBraces(code) {
  const list = /((?:\w+::)+)\{([^{}]*)\}/g
  const flat = code.replaceAll(list, (_, start, names) =>
    names
      .split(',')
      .map((name) => start + name.trim())
      .join(', '),
  )
  return flat === code ? flat : withoutBraces(flat)
}

/** The longest part of a path that is a file. */
function fileOf(names, known) {
  for (let length = names.length; length > 0; length -= 1) {
    const file = `${names.slice(0, length).join('/')}.rs`
    if (known.has(file)) return file
  }
  return undefined
}

function withoutTests(code) {
  const tests = /^#\[cfg\(test\)\]\nmod \w+ \{/m.exec(code)
  return tests === null ? code : code.slice(0, tests.index)
}

/**
 * The files of TypeScript folders, with the files that they import, for types too. Their paths begin at `root`.
 * @param {string} root
 * @param {string[]} folders
 * @returns {File[]}
 */
export function readTypeScript(root, folders = ['.']) {
  const files = folders.flatMap((folder) =>
    sourceFiles(join(root, folder), '.ts').map((file) => join(folder, file).replaceAll(sep, '/')),
  )
  const known = new Set(files)
  return files.map((file) => {
    const code = readFileSync(join(root, file), 'utf8')
    const imports = new Set()
    for (const [, path] of code.matchAll(/(?:\bfrom|\bimport|\bimport\()\s*'(\.[^']+)'/g)) {
      const target = relative(root, resolve(root, dirname(file), path)).replaceAll(sep, '/')
      if (known.has(target)) imports.add(target)
    }
    return { file, wing: file.replace(/\.ts$/, '').split('/')[0], imports: [...imports].toSorted() }
  })
}

function sourceFiles(root, ending) {
  const files = readdirSync(root, { recursive: true, withFileTypes: true })
  return files
    .filter((file) => file.isFile() && file.name.endsWith(ending) && !file.name.endsWith('.d.ts'))
    .map((file) => relative(root, join(file.parentPath, file.name)).replaceAll(sep, '/'))
    .toSorted()
}

/**
 * What is wrong with the imports, one sentence per fault.
 * @param {File[]} files
 * @param {Record<string, string[]>} table
 * @returns {string[]}
 */
export function findFaults(files, table) {
  const wings = new Map(files.map(({ file, wing }) => [file, wing]))
  const isException = (file, imported) =>
    EXCEPTIONS.some((exception) => exception[0] === file && exception[1] === imported)
  const used = new Set()
  const edges = new Map()
  const faults = []
  for (const { file, wing, imports } of files) {
    if (!(wing in table)) faults.push(`${file}: the wing \`${wing}\` is not in the table`)
    const ruled = imports.filter((imported) => !isException(file, imported))
    edges.set(file, ruled)
    for (const imported of ruled) {
      const other = wings.get(imported)
      used.add(`${wing} ${other}`)
      if (other !== wing && !table[wing]?.includes(other))
        faults.push(`${file}: \`${wing}\` must not import \`${other}\` (${imported})`)
    }
  }
  const real = new Set(wings.values())
  for (const [wing, allowed] of Object.entries(table)) {
    if (!real.has(wing)) faults.push(`the table has a wing \`${wing}\`, which has no file`)
    for (const other of allowed) {
      if (!used.has(`${wing} ${other}`))
        faults.push(`the table lets \`${wing}\` import \`${other}\`, which it does not`)
    }
  }
  for (const circle of circles(edges)) faults.push(`a circle: ${circle.join(' → ')}`)
  for (const circle of circles(new Map(Object.entries(table))))
    faults.push(`the table has a circle: ${circle.join(' → ')}`)
  return faults
}

/**
 * Each circle once, beginning anywhere.
 * @param {Map<string, string[]>} edges
 * @returns {string[][]}
 */
function circles(edges) {
  const found = []
  const done = new Set()
  const visit = (node, path) => {
    const at = path.indexOf(node)
    if (at >= 0) {
      found.push([...path.slice(at), node])
      return
    }
    if (done.has(node)) return
    for (const next of edges.get(node) ?? []) visit(next, [...path, node])
    done.add(node)
  }
  for (const node of edges.keys()) visit(node, [])
  return found
}
