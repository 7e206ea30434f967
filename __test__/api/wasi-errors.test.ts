// Run once more with each compiler, and through spawn.
// docs/wasi-errors.md is written by this test where WRITE_DOCS is set in the environment.
import { readFile, writeFile } from 'node:fs/promises'
import test from 'ava'
import { format } from 'prettier'
import { node } from '../support/child.ts'
import { calls, here, names, tables, type Call } from '../support/wasi-errors.ts'

const DOCS = new URL('../../docs/wasi-errors.md', import.meta.url)
/** What node:wasi of Node 20 does on Linux, for each call. */
const NODE = new URL('wasi-errors-node.json', import.meta.url)
const BEGINS = '<!-- by __test__/api/wasi-errors.test.ts -->'
const writes = process.env['WRITE_DOCS'] !== undefined

/** All calls, some at a time. */
async function outcomes(): Promise<string[]> {
  const all = calls()
  const found: string[] = []
  let next = 0
  const work = async (): Promise<void> => {
    for (let index = next++; index < all.length; index = next++)
      found[index] = await here(all[index]!)
  }
  await Promise.all(Array.from({ length: 8 }, work))
  return found
}

/** Calls that damage the memory of Node 20, which ends some calls later. */
const isHarmful = (call: Call): boolean =>
  call.function === 'path_filestat_set_times' && call.argument === 'fst_flags'

/** The same with node:wasi: the harmful ones in a process each. */
async function ofNode(): Promise<string[]> {
  const indices = [...calls().keys()]
  const harmful = (index: number): boolean => isHarmful(calls()[index]!)
  const groups = [
    indices.filter((index) => !harmful(index)),
    ...indices.filter(harmful).map((index) => [index]),
  ]
  const found: string[] = []
  for (const group of groups) {
    let lines: string[] = []
    // What it damages may end it before it prints.
    for (let attempt = 0; attempt < 5 && lines.length <= group.length; attempt += 1) {
      const child = await node(
        `const { calls, withNode } = await import(${JSON.stringify(new URL('../support/wasi-errors.ts', import.meta.url).href)})
         for (const index of ${JSON.stringify(group)}) console.log(await withNode(calls()[index]))`,
      )
      lines = child.stdout.split('\n')
    }
    for (const [at, index] of group.entries()) found[index] = lines[at]!
  }
  return found
}

const ours = outcomes()

test('wrong values are errnos, and only pointers trap', async (t) => {
  for (const [index, outcome] of (await ours).entries()) {
    const call = calls()[index]!
    const words = `${call.function} ${call.argument} ${call.given}: ${outcome}`
    t.regex(outcome, /^[a-z0-9]+$/, words)
    if (!call.pointer) t.not(outcome, 'trap', words)
  }
})

test('every function of WASI 0.1 is there', async (t) => {
  const source = await readFile(new URL('../../crate/src/wasi/errnos.rs', import.meta.url), 'utf8')
  const functions = source.matchAll(
    /\b((?:args|clock|environ|fd|path|poll|proc|random|sched|sock)_\w+)/g,
  )
  const missing = new Set([...functions].map(([, name]) => name!))
  for (const name of ['proc_exit', ...names]) missing.delete(name)
  t.deepEqual([...missing], [])
  t.is(names.length, 45)
})

// The host's own errnos differ elsewhere.
if (process.platform === 'linux') {
  if (process.versions.node.startsWith('20.')) {
    test('node:wasi does what the documentation says of it', async (t) => {
      const found = await ofNode()
      if (writes) await writeFile(NODE, await format(JSON.stringify(found), { parser: 'json' }))
      t.deepEqual(found, JSON.parse(await readFile(NODE, 'utf8')))
    })
  }

  test.serial('docs/wasi-errors.md says what becomes of wrong values', async (t) => {
    const docs = await readFile(DOCS, 'utf8')
    const recorded = JSON.parse(await readFile(NODE, 'utf8')) as string[]
    const before = docs.slice(0, docs.indexOf(BEGINS) + BEGINS.length)
    const expected = await format(`${before}\n\n${tables(await ours, recorded)}\n`, {
      parser: 'markdown',
    })
    if (writes) await writeFile(DOCS, expected)
    t.is(await readFile(DOCS, 'utf8'), expected)
  })
}
