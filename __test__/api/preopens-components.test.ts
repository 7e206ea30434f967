// Granted directories hold for components as well: what is read-only stays as it is, and nothing leads outside.
import { mkdir, readlink, realpath, symlink, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import type { Files, Outcome, RunOptions } from '../support/package.ts'
import { folder } from '../support/guest.ts'
import { folderState } from '../support/folder-state.ts'
import {
  attempt,
  ESCAPES,
  folders,
  inMemory,
  linkOf,
  OUTSIDE,
  RELATIVE,
  same,
  WITHOUT_ABSOLUTE_LINKS,
} from '../support/escapes.ts'
import type { Version } from '../support/component-wat.ts'
import {
  componentScript,
  CREATE,
  EXCLUSIVE,
  FOLLOW,
  LONG_AGO,
  MUTATE,
  READ,
  TOP,
  TRUNCATE,
  WRITE,
  type Handle,
  type Step,
} from '../support/component-script.ts'

const VERSIONS: readonly Version[] = ['0.2', '0.3']

const SECOND: Handle = { preopen: 1 }
const NOW = [1, 0n, 0] as const

type Changes = Readonly<Record<string, (flags: number) => Step[]>>

/** What a change needs to be open. */
function opened(path: string, flags: number): Step {
  return ['open-at', TOP, FOLLOW, path, 0, flags]
}

/** How a component can change a directory: the last step does it. `flags` are those with which files are opened. */
const CHANGES: Changes = {
  create: () => [['open-at', TOP, FOLLOW, 'new', CREATE, READ | WRITE]],
  'create, only to read': () => [['open-at', TOP, FOLLOW, 'new', CREATE, READ]],
  'create without a link to follow': () => [['open-at', TOP, 0, 'new', CREATE, WRITE]],
  'create exclusively': () => [['open-at', TOP, 0, 'new', CREATE | EXCLUSIVE, WRITE]],
  'create through a link': () => [['open-at', TOP, FOLLOW, 'to-new', CREATE, WRITE]],
  'create in a directory': () => [
    opened('inside', READ),
    ['open-at', { step: 0 }, FOLLOW, 'new', CREATE, WRITE],
  ],
  'create in a directory that is opened to be changed': () => [
    opened('inside', READ | MUTATE),
    ['open-at', { step: 0 }, FOLLOW, 'new', CREATE, WRITE],
  ],
  truncate: () => [['open-at', TOP, FOLLOW, 'file', TRUNCATE, READ | WRITE]],
  'truncate, only to read': () => [['open-at', TOP, FOLLOW, 'file', TRUNCATE, READ]],
  'truncate through a link': () => [['open-at', TOP, FOLLOW, 'to-file', TRUNCATE, WRITE]],
  'make a directory': () => [['create-directory-at', TOP, 'new']],
  'remove a directory': () => [['remove-directory-at', TOP, 'empty']],
  'unlink a file': () => [['unlink-file-at', TOP, 'file']],
  'unlink a link': () => [['unlink-file-at', TOP, 'to-file']],
  'rename a file': () => [['rename-at', TOP, 'file', TOP, 'renamed']],
  'rename onto a file': () => [['rename-at', TOP, 'file', TOP, 'inside/name']],
  'rename a directory': () => [['rename-at', TOP, 'inside', TOP, 'renamed']],
  'rename a link': () => [['rename-at', TOP, 'to-file', TOP, 'renamed']],
  'make a hard link': () => [['link-at', TOP, 0, 'file', TOP, 'linked']],
  'make a symbolic link': () => [['symlink-at', TOP, 'file', 'linked']],
  'set the times of a path': () => [['set-times-at', TOP, FOLLOW, 'file', ...LONG_AGO]],
  'set the times of a path to now': () => [['set-times-at', TOP, FOLLOW, 'file', ...NOW, ...NOW]],
  'set the times of a link': () => [['set-times-at', TOP, 0, 'to-file', ...LONG_AGO]],
  'set the times of a directory by path': () => [['set-times-at', TOP, 0, 'inside', ...LONG_AGO]],
  'set the times of an open file': (flags) => [
    opened('file', flags),
    ['set-times', { step: 0 }, ...LONG_AGO],
  ],
  'set the times of the granted directory': () => [['set-times', TOP, ...LONG_AGO]],
  'set the times of an open directory': () => [
    opened('inside', READ),
    ['set-times', { step: 0 }, ...LONG_AGO],
  ],
  'set the size': (flags) => [opened('file', flags), ['set-size', { step: 0 }, 1n]],
  'write through a stream': (flags) => [
    opened('file', flags),
    ['write-via-stream', { step: 0 }, 'x', 1n],
  ],
  'append through a stream': (flags) => [
    opened('file', flags),
    ['append-via-stream', { step: 0 }, 'x'],
  ],
  'write through a stream in a directory': (flags) => [
    opened('inside', READ),
    ['open-at', { step: 0 }, 0, 'name', 0, flags],
    ['write-via-stream', { step: 1 }, 'x', 1n],
  ],
}

/** WASI 0.3 has streams alone. */
const CHANGES_OF: Readonly<Record<Version, Changes>> = {
  '0.2': {
    ...CHANGES,
    write: (flags) => [opened('file', flags), ['write', { step: 0 }, 'x', 1n]],
  },
  '0.3': CHANGES,
}

/** Opening to write changes nothing yet. */
const OPENS: Changes = {
  'open to write': () => [['open-at', TOP, FOLLOW, 'file', 0, WRITE]],
  'open to read and write': () => [['open-at', TOP, FOLLOW, 'file', 0, READ | WRITE]],
  'open to write through a link': () => [['open-at', TOP, FOLLOW, 'to-file', 0, WRITE]],
  'create what there is': () => [['open-at', TOP, FOLLOW, 'file', CREATE, READ]],
}

/** What takes two directories, in both directions. */
const BETWEEN: Readonly<Record<string, Step>> = {
  'rename out': ['rename-at', TOP, 'file', SECOND, 'renamed'],
  'rename in': ['rename-at', SECOND, 'file', TOP, 'renamed'],
  'rename onto a file out': ['rename-at', TOP, 'inside/name', SECOND, 'inside/name'],
  'rename onto a file in': ['rename-at', SECOND, 'inside/name', TOP, 'inside/name'],
  'link out': ['link-at', TOP, 0, 'to-file', SECOND, 'linked'],
  'link in': ['link-at', SECOND, 0, 'to-file', TOP, 'linked'],
}

const READING = READ
const WRITING = READ | WRITE

/** A folder of the host that all of {@link CHANGES} can change. */
async function changeable(t: ExecutionContext): Promise<string> {
  const path = await folder(t)
  await mkdir(join(path, 'inside'))
  await mkdir(join(path, 'empty'))
  await writeFile(join(path, 'file'), 'text')
  await writeFile(join(path, 'inside/name'), 'inside')
  await symlink('file', join(path, 'to-file'))
  await symlink('new', join(path, 'to-new'))
  return path
}

/** The same in memory, where the guest makes the links. */
const FILES: Files = { 'empty/': {}, file: 'text', 'inside/name': 'inside' }
const LINKS: readonly Step[] = [
  ['symlink-at', TOP, 'file', 'to-file'],
  ['symlink-at', TOP, 'new', 'to-new'],
]

/** Moves the steps behind others. */
function after(before: readonly Step[], steps: readonly Step[]): Step[] {
  const moved = steps.map(([name, ...values]) => [
    name,
    ...values.map((value) =>
      typeof value === 'object' && 'step' in value ? { step: value.step + before.length } : value,
    ),
  ])
  return [...before, ...(moved as unknown as Step[])]
}

/** What each of these returns if all are in one component, which has opened what they need before. */
async function together(
  version: Version,
  changes: Changes,
  options: RunOptions,
): Promise<Record<string, string>> {
  let steps: Step[] = []
  const ends: number[] = []
  for (const change of Object.values(changes)) {
    steps = after(steps, change(READING))
    ends.push(steps.length - 1)
  }
  const codes = (await componentScript(version, steps, options)).codes()
  const needed = codes.filter((_, step) => !ends.includes(step))
  if (needed.some((code) => code !== 'success')) throw new Error(`not opened: ${needed}`)
  const results = ends.map((end) => codes[end]!)
  return named(changes, results)
}

/** The codes by the names of what returned them; one code is that of all. */
function named(of: object, codes: readonly string[] | string): Record<string, string> {
  const names = Object.keys(of)
  return Object.fromEntries(
    names.map((name, index) => [name, typeof codes === 'string' ? codes : codes[index]!]),
  )
}

function granting(hostPath: string, access: 'read' | 'write'): RunOptions {
  return { preopens: { '/': { hostPath, access } } }
}

for (const version of VERSIONS) {
  const changes = CHANGES_OF[version]

  test(`what is granted to read cannot be changed in any way (WASI ${version})`, async (t) => {
    const path = await changeable(t)
    const before = await folderState(path)
    const tried: Changes = { ...changes, ...OPENS }
    for (const grant of [path, { hostPath: path, access: 'read' }] as const) {
      const codes = await together(version, tried, { preopens: { '/': grant } })
      t.deepEqual(codes, named(tried, 'not-permitted'))
      t.deepEqual(await folderState(path), before)
    }
  })

  test(`what is granted to write can be changed in each of these ways (WASI ${version})`, async (t) => {
    for (const [name, change] of Object.entries(changes)) {
      const path = await changeable(t)
      const before = await folderState(path)
      const options = granting(path, 'write')
      const codes = (await componentScript(version, change(WRITING), options)).codes()
      t.deepEqual(new Set(codes), new Set(['success']), name)
      t.notDeepEqual(await folderState(path), before, name)
    }
    const path = await changeable(t)
    const options = granting(path, 'write')
    t.deepEqual(await together(version, OPENS, options), named(OPENS, 'success'))
  })

  test(`what is opened to be read is not written, whatever is granted (WASI ${version})`, async (t) => {
    const path = await changeable(t)
    const before = await folderState(path)
    const steps: Step[] = [
      opened('file', READING),
      ['write-via-stream', { step: 0 }, 'x', 0n],
      ['append-via-stream', { step: 0 }, 'x'],
      ['set-size', { step: 0 }, 0n],
      ...(version === '0.2' ? ([['write', { step: 0 }, 'x', 0n]] as const) : []),
    ]
    const options = granting(path, 'write')
    const [first, ...rest] = (await componentScript(version, steps, options)).codes()
    t.is(first, 'success')
    for (const code of rest) t.not(code, 'success')
    t.deepEqual(await folderState(path), before)
  })

  test(`what is granted to read can be read in each way (WASI ${version})`, async (t) => {
    const path = await changeable(t)
    const steps: Step[] = [
      opened('to-file', READ),
      ['read-via-stream', { step: 0 }, 1n],
      ['stat', { step: 0 }],
      ['stat-at', TOP, FOLLOW, 'to-file'],
      ['stat-at', TOP, 0, 'to-new'],
      ['readlink-at', TOP, 'to-file'],
      ['read-directory', TOP],
      opened('inside', READ),
      ['read-directory', { step: 7 }],
      ['open-at', { step: 7 }, 0, 'name', 0, READ],
      ['read-via-stream', { step: 9 }, 0n],
      ['get-flags', TOP],
      ['get-flags', { step: 0 }],
      ['get-type', TOP],
      ['metadata-hash', { step: 0 }],
      ['metadata-hash-at', TOP, FOLLOW, 'to-file'],
      ['advise', { step: 0 }, 0n, 1n, 0],
      ['sync', { step: 0 }],
      ['sync-data', { step: 0 }],
      ...(version === '0.2' ? ([['read', { step: 0 }, 2n, 2n]] as const) : []),
    ]
    for (const access of ['read', 'write'] as const) {
      const options = granting(path, access)
      const results = await componentScript(version, steps, options)
      t.deepEqual(new Set(results.codes()), new Set(['success']))
      t.deepEqual([results.streamed(1), results.streamed(10)], ['ext', 'inside'])
      t.deepEqual(
        [2, 3, 4].map((step) => results.size(step)),
        [4n, 4n, 3n],
      )
      t.is(results.text(5), 'file')
      t.deepEqual(results.names(6), ['empty', 'file', 'inside', 'to-file', 'to-new'])
      t.deepEqual(results.names(8), ['name'])
      t.deepEqual(
        [results.flags(11), results.flags(12)],
        [access === 'read' ? READ : READ | MUTATE, READ],
      )
      if (version === '0.2') t.is(results.text(19), 'xt')
    }
  })

  test(`nothing moves or is linked between a directory to read and one to write (WASI ${version})`, async (t) => {
    const [first, second] = [await changeable(t), await changeable(t)]
    const before = [await folderState(first), await folderState(second)]
    for (const [access, code] of [
      ['read', 'not-permitted'],
      ['write', 'success'],
    ] as const) {
      const options: RunOptions = {
        preopens: {
          '/first': { hostPath: first, access },
          '/second': { hostPath: second, access: 'write' },
        },
      }
      const results = await componentScript(version, Object.values(BETWEEN), options)
      t.deepEqual(named(BETWEEN, results.codes()), named(BETWEEN, code))
      const now = [await folderState(first), await folderState(second)]
      if (access === 'read') t.deepEqual(now, before)
      else t.notDeepEqual(now, before)
    }
  })
}

test('the ways out lead there on the host', async (t) => {
  const { granted, outside } = await folders(t)
  for (const { name, way, leaf } of ESCAPES) {
    const path = way.path(leaf, outside)
    // Not `join`, which takes `..` away before links are followed.
    const at = way.absolute === 'path' ? path : `${granted}/${path}`
    const end = way.last ? resolve(granted, await readlink(join(granted, linkOf(way, leaf)))) : at
    t.deepEqual([await realpath(dirname(end)), basename(end)], [outside, leaf], name)
  }
})

for (const version of VERSIONS) {
  test(`no operation leads outside in any way (WASI ${version})`, async (t) => {
    const { root, granted, outside } = await folders(t)
    const before = await folderState(root)
    for (const access of ['read', 'write'] as const) {
      const options = granting(granted, access)
      const { codes } = await attempt({ version, escapes: ESCAPES, options, outside })
      t.deepEqual(codes, same(ESCAPES, 'not-permitted'))
      t.deepEqual(await folderState(root), before)
    }
  })

  test(`no operation leads out of a directory in what is granted (WASI ${version})`, async (t) => {
    const { root, outside } = await folders(t)
    const before = await folderState(root)
    const { codes } = await attempt({
      version,
      escapes: ESCAPES,
      options: granting(root, 'write'),
      outside,
      before: [opened('granted', READ | MUTATE)],
      at: { step: 0 },
    })
    t.deepEqual(codes, same(ESCAPES, 'not-permitted'))
    t.deepEqual(await folderState(root), before)
  })

  test(`where the folder above is granted, each of these succeeds (WASI ${version})`, async (t) => {
    const { root, outside } = await folders(t)
    const options = granting(root, 'write')
    const prefix = 'granted/'
    const { codes } = await attempt({ version, escapes: RELATIVE, options, outside, prefix })
    t.deepEqual(codes, same(RELATIVE, 'success'))
  })

  test(`a slash behind a link tells nothing of what is outside (WASI ${version})`, async (t) => {
    const { granted } = await folders(t)
    const about = (path: string): Step[] => [
      ['stat-at', TOP, 0, path],
      ['metadata-hash-at', TOP, 0, path],
    ]
    const paths = ['relative', 'relative/', 'relative/.', 'relative//', 'relative/./']
    const steps = paths.flatMap(about)
    const results = await componentScript(version, steps, granting(granted, 'write'))
    const codes = results.codes()
    t.deepEqual(codes.slice(0, 2), ['success', 'success'])
    for (const [index, path] of paths.entries()) {
      const [stat, hash] = [2 * index, 2 * index + 1]
      // Where it does not fail, it is the link that is looked at.
      if (codes[stat] === 'success') t.is(results.size(stat), results.size(0), path)
      else t.is(codes[stat], 'not-permitted', path)
      if (codes[hash] === 'success') t.deepEqual(results.hash(hash), results.hash(1), path)
      else t.is(codes[hash], 'not-permitted', path)
    }
  })

  test(`links that a component makes do not lead it outside (WASI ${version})`, async (t) => {
    const { granted, outside } = await folders(t)
    await writeFile(join(outside, 'name'), 'secret')
    const steps: Step[] = [
      ['symlink-at', TOP, '../outside', 'made'],
      ['open-at', TOP, FOLLOW, 'made/name', 0, READ],
      ['symlink-at', TOP, '../outside/name', 'made-to-file'],
      ['open-at', TOP, FOLLOW, 'made-to-file', 0, READ],
      ['symlink-at', TOP, outside, 'made-absolute'],
    ]
    const results = await componentScript(version, steps, granting(granted, 'write'))
    const no = 'not-permitted'
    t.deepEqual(results.codes(), ['success', no, 'success', no, no])
  })
}

/** The files that were collected, in the order of their paths. */
function contents(files: Outcome['files']): [path: string, content: string][] {
  const found = [...(files ?? [])].map(([path, bytes]): [string, string] => [path, `${bytes}`])
  return found.toSorted(([a], [b]) => (a < b ? -1 : 1))
}

for (const version of VERSIONS) {
  test(`WASI ${version}: files in memory can be changed in each way`, async (t) => {
    const changes: Changes = { ...CHANGES_OF[version], ...OPENS }
    for (const [name, change] of Object.entries(changes)) {
      const steps = after(LINKS, change(WRITING))
      const codes = (await componentScript(version, steps, { files: FILES })).codes()
      t.deepEqual(new Set(codes), new Set(['success']), name)
    }
  })

  test(`WASI ${version}: no operation leads out of the files in memory in any way`, async (t) => {
    const escapes = WITHOUT_ABSOLUTE_LINKS
    for (const [at, open] of [
      ['', []],
      ['granted/', [opened('granted', READ | MUTATE)]],
    ] as const) {
      const { files, links } = inMemory(escapes, at)
      const { codes, outcome } = await attempt({
        version,
        escapes,
        options: { files, collect: ['**'] },
        outside: OUTSIDE,
        before: [...open, ...links],
        at: open.length > 0 ? { step: 0 } : TOP,
      })
      t.deepEqual(codes, same(escapes, 'not-permitted'))
      const given = Object.entries(files).filter(([, content]) => typeof content === 'string')
      t.deepEqual(
        contents(outcome.files),
        given.toSorted(([a], [b]) => (a < b ? -1 : 1)),
      )
    }
  })

  test(`WASI ${version}: from the top of the files in memory each of these succeeds`, async (t) => {
    const { files, links } = inMemory(RELATIVE, 'granted/')
    const { codes } = await attempt({
      version,
      escapes: RELATIVE,
      options: { files },
      outside: OUTSIDE,
      before: links,
      prefix: 'granted/',
    })
    t.deepEqual(codes, same(RELATIVE, 'success'))
  })

  test(`WASI ${version}: no link in memory is absolute`, async (t) => {
    const results = await componentScript(version, [['symlink-at', TOP, '/', 'made']], {
      files: {},
    })
    t.deepEqual(results.codes(), ['not-permitted'])
  })

  test(`WASI ${version}: nothing moves or is linked between files in memory and a granted directory`, async (t) => {
    const path = await changeable(t)
    const before = await folderState(path)
    const options: RunOptions = {
      files: FILES,
      collect: ['**'],
      preopens: { '/second': { hostPath: path, access: 'write' } },
    }
    const results = await componentScript(version, [...LINKS, ...Object.values(BETWEEN)], options)
    const codes = results.codes().slice(LINKS.length)
    t.deepEqual(named(BETWEEN, codes), named(BETWEEN, 'cross-device'))
    t.deepEqual(await folderState(path), before)
    t.deepEqual(contents(results.outcome.files), [
      ['file', 'text'],
      ['inside/name', 'inside'],
    ])
  })

  test(`WASI ${version}: files in memory are read, written and listed through streams`, async (t) => {
    const written = 'written '.repeat(200)
    const [file, directory] = [{ step: 0 }, { step: 1 }]
    const results = await componentScript(
      version,
      [
        ['open-at', TOP, FOLLOW, 'made', CREATE, READ | WRITE],
        ['open-at', TOP, FOLLOW, 'inside', 0, READ],
        ['open-at', TOP, FOLLOW, 'file', 0, READ],
        ['write-via-stream', file, written, 2n],
        ['append-via-stream', file, 'end'],
        ['read-via-stream', file, 1n],
        ['stat', file],
        ['read-directory', TOP],
        ['read-directory', directory],
        ['read-directory', file],
        ['read-via-stream', TOP, 0n],
        ['write-via-stream', { step: 2 }, 'no', 0n],
        ['write-via-stream', TOP, 'no', 0n],
        ['set-times', file, { seconds: -1n }, { seconds: 1n }],
        ['append-via-stream', file, 'more than there is room for'],
      ],
      { files: FILES, collect: ['made'], limits: { filesBytes: written.length + 15 } },
    )
    t.deepEqual(results.codes(), [
      ...Array.from({ length: 9 }, () => 'success'),
      'not-directory',
      'is-directory',
      'bad-descriptor',
      'bad-descriptor',
      'overflow',
      'insufficient-space',
    ])
    t.is(results.streamed(5), `\0${written}end`)
    t.is(results.size(6), BigInt(written.length + 5))
    t.deepEqual(results.names(7), ['empty', 'file', 'inside', 'made'])
    t.deepEqual(results.names(8), ['name'])
    t.regex(contents(results.outcome.files)[0]![1], /^\0\0(written ){200}endmore /)
  })
}

test('WASI 0.3: streams from file to file are bounded, and held to the limits of their run', async (t) => {
  const [from, to] = [{ step: 0 }, { step: 1 }]
  const opens: readonly Step[] = [
    ['open-at', TOP, FOLLOW, 'from', CREATE, READ | WRITE],
    ['open-at', TOP, FOLLOW, 'to', CREATE, READ | WRITE],
  ]
  const copied = await componentScript(
    '0.3',
    [
      ...opens,
      ['write-via-stream', from, 'copied', 0n],
      ['copy', from, to, 1],
      ['set-size', from, 1n << 20n],
      ['copy', from, to, 100],
      ['copy', from, to, 1000],
      ['read-via-stream', to, (1n << 20n) - 1n],
    ],
    { files: {}, collect: ['to'] },
  )
  t.deepEqual(copied.codes(), [
    ...Array.from({ length: 6 }, () => 'success'),
    'insufficient-memory',
    'success',
  ])
  t.is(copied.streamed(7), '\0')
  t.regex(`${copied.outcome.files?.get('to')}`, /^copied\0+$/)
  const copies = Array.from({ length: 100 }, (): Step => ['copy', from, to, 100])
  const hostile = componentScript('0.3', [...opens, ['set-size', from, 64n << 20n], ...copies], {
    files: {},
    limits: { timeoutMs: 200 },
  })
  await t.throwsAsync(hostile, { message: /the script ended early: limit timeout/ })
})
