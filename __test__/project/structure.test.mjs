import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import {
  BUNDLED,
  CORE,
  LIBRARY,
  PRODUCTS,
  SEEN,
  findFaults,
  readRust,
  readTypeScript,
} from '../../scripts/structure.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))

test('the core keeps to its table', (t) => {
  t.deepEqual(findFaults(readRust(join(root, 'crate/src')), CORE), [])
})

test('the library keeps to its table', (t) => {
  t.deepEqual(findFaults(readTypeScript(join(root, 'src')), LIBRARY), [])
})

test('the command and its reports see the public API and words alone', (t) => {
  const files = readTypeScript(root, Object.keys(PRODUCTS))
  const own = files.filter(({ wing }) => wing !== 'src')
  // What the library does inside of it has a table of its own.
  const library = files
    .filter(({ wing }) => wing === 'src')
    .map((file) => ({ ...file, imports: [] }))
  t.deepEqual(findFaults([...own, ...library], PRODUCTS), [])
  const seen = own.flatMap(({ imports }) => imports.filter((file) => file.startsWith('src/')))
  t.deepEqual([...new Set(seen)].toSorted(), SEEN)
})

test('packages see the public API by its name, what they bundle, and no circles', (t) => {
  const files = readTypeScript(root, ['src', 'cli', 'packages/bullmq/src'])
  const own = files.filter(({ file }) => file.startsWith('packages/'))
  const ofOthers = own.flatMap(({ imports }) =>
    imports.filter((file) => !file.startsWith('packages/')),
  )
  t.deepEqual([...new Set(ofOthers)].toSorted(), BUNDLED)
  const inside = own.map((file) => ({
    ...file,
    wing: 'packages',
    imports: file.imports.filter((imported) => imported.startsWith('packages/')),
  }))
  t.true(inside.length > 20)
  t.deepEqual(findFaults(inside, { packages: [] }), [])
})

/** A folder with these files. */
async function folder(t, files) {
  const path = await mkdtemp(join(tmpdir(), 'wasiexec-structure-'))
  t.teardown(() => rm(path, { recursive: true, force: true }))
  for (const [file, content] of Object.entries(files)) {
    await mkdir(dirname(join(path, file)), { recursive: true })
    await writeFile(join(path, file), content)
  }
  return path
}

test('Rust: a forbidden import, a circle and a stale row are found', async (t) => {
  const path = await folder(t, {
    'lib.rs': 'mod low; mod high;',
    'low.rs': 'mod a;\nmod b;\npub use a::A;\n',
    'low/a.rs': 'use super::{b::B, b};\n',
    'low/b.rs': '// use crate::high::High;\nuse super::a::A;\nfn f() { crate::high::call() }\n',
    'high.rs': '#[cfg(test)]\nmod tests {\n    use crate::low::A;\n}\n',
  })
  t.deepEqual(findFaults(readRust(path), { low: [], high: ['low'] }), [
    'low/b.rs: `low` must not import `high` (high.rs)',
    'the table lets `high` import `low`, which it does not',
    'a circle: low/a.rs → low/b.rs → low/a.rs',
  ])
})

test('Rust: a file that imports its root is in a circle with it', async (t) => {
  const path = await folder(t, {
    'low.rs': 'mod a;\npub(crate) use a::A;\n',
    'low/a.rs': 'use super::B;\nuse crate::low::{\n    C,\n    D,\n};\n',
  })
  t.deepEqual(findFaults(readRust(path), { low: [] }), ['a circle: low.rs → low/a.rs → low.rs'])
})

test('TypeScript: a forbidden import, a circle and an unknown wing are found', async (t) => {
  const path = await folder(t, {
    'low.ts': "import { high } from './high/a.ts'\n",
    'high/a.ts': "export type * from './b.ts'\nimport './c.ts'\n",
    'high/b.ts': "const later = import('./a.ts')\n",
    'high/c.ts': "import { readFile } from 'node:fs'\n",
    'other.ts': '',
  })
  t.deepEqual(findFaults(readTypeScript(path), { low: [], high: ['low'] }), [
    'low.ts: `low` must not import `high` (high/a.ts)',
    'other.ts: the wing `other` is not in the table',
    'the table lets `high` import `low`, which it does not',
    'a circle: high/a.ts → high/b.ts → high/a.ts',
  ])
})
