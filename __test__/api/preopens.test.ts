// Granted directories hold: what is read-only stays as it is, and nothing leads outside.
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import test, { type ExecutionContext } from 'ava'
import { load, type RunOptions } from '../support/package.ts'
import { drain, ending, folder, numbers, real } from '../support/guest.ts'
import { folderState } from '../support/folder-state.ts'
import {
  open,
  read,
  script,
  SCRATCH,
  write,
  type CoreWasi,
  type Step,
} from '../support/wasi-script.ts'

/** A folder `granted` with files and links, beside a folder `outside` with a secret. */
async function folders(t: ExecutionContext): Promise<{ granted: string; outside: string }> {
  const root = await folder(t)
  const [granted, outside] = [join(root, 'granted'), join(root, 'outside')]
  await mkdir(join(granted, 'inside'), { recursive: true })
  await mkdir(outside)
  await writeFile(join(granted, 'file'), 'text')
  await writeFile(join(granted, 'inside/name'), 'inside')
  await writeFile(join(outside, 'name'), 'secret')
  for (const [target, link] of [
    [outside, 'absolute'],
    ['../outside', 'relative'],
    ['inside/../../outside', 'detour'],
    ['relative', 'chained'],
    [join(outside, 'name'), 'to-file'],
    ['../outside/new', 'dangling'],
    ['.', 'self'],
  ] as const)
    await symlink(target, join(granted, link))
  return { granted, outside }
}

const CORE: readonly CoreWasi[] = ['wasi_snapshot_preview1', 'wasi_unstable']

/** Each way in which a guest could change a directory. */
const CHANGES: Readonly<Record<string, Step>> = {
  create: open(3, 'new', 1),
  'create exclusively': open(3, 'new', 5),
  'open to write': open(3, 'file'),
  truncate: ['path_open', 3, 1, 'file', 8, 2n, 0n, 0, SCRATCH],
  'open to append': open(3, 'file', 0, 1),
  'make a directory': ['path_create_directory', 3, 'd'],
  'remove a directory': ['path_remove_directory', 3, 'inside'],
  unlink: ['path_unlink_file', 3, 'file'],
  rename: ['path_rename', 3, 'file', 3, 'renamed'],
  link: ['path_link', 3, 0, 'file', 3, 'linked'],
  'make a symbolic link': ['path_symlink', 'file', 3, 'symlink'],
  'set the times of a path': ['path_filestat_set_times', 3, 1, 'file', 1n, 1n, 5],
  'set the times of the directory': ['fd_filestat_set_times', 3, 1n, 1n, 5],
}

for (const wasi of CORE) {
  test(`what is granted to read cannot be changed in any way (${wasi})`, async (t) => {
    const { granted } = await folders(t)
    const before = await folderState(granted)
    const steps: Step[] = [
      ...Object.values(CHANGES),
      // A file that is open to be read.
      ['path_open', 3, 1, 'file', 0, 2n, 0n, 0, SCRATCH],
      write(4, 'x'),
      ['fd_pwrite', 4, 'x', 1, 0n, SCRATCH],
      ['fd_filestat_set_size', 4, 0n],
      ['fd_filestat_set_times', 4, 1n, 1n, 5],
    ]
    for (const grant of [granted, { hostPath: granted, access: 'read' }] as const) {
      const { errnos } = await script(steps, { preopens: { '/': grant } }, undefined, wasi)
      const [changes, rest] = [
        errnos.slice(0, Object.keys(CHANGES).length),
        errnos.slice(Object.keys(CHANGES).length),
      ]
      t.deepEqual(
        Object.keys(CHANGES).map((name, index) => `${name}: ${changes[index]}`),
        Object.keys(CHANGES).map((name) => `${name}: perm`),
      )
      t.is(rest[0], 'success')
      for (const errno of rest.slice(1)) t.not(errno, 'success')
    }
    t.deepEqual(await folderState(granted), before)
  })

  test(`the times of what is granted to write can be set, by each way to name it (${wasi})`, async (t) => {
    const opened = open(3, 'inside', 2)
    const file = open(3, 'file')
    for (const [name, steps] of Object.entries<Step[]>({
      'the granted directory': [['fd_filestat_set_times', 3, 1n, 1n, 5]],
      'its path': [['path_filestat_set_times', 3, 1, '.', 1n, 1n, 5]],
      'a directory in it': [opened, ['fd_filestat_set_times', 4, 1n, 1n, 5]],
      'the path of a directory in it': [['path_filestat_set_times', 3, 1, 'inside', 1n, 1n, 5]],
      'the path of an open directory': [opened, ['path_filestat_set_times', 4, 1, '.', 1n, 1n, 5]],
      'a file': [file, ['fd_filestat_set_times', 4, 1n, 1n, 5]],
      'the path of a file': [['path_filestat_set_times', 3, 1, 'file', 1n, 1n, 5]],
      // With the flags of each time alone, and with that of now.
      'the time of access': [['fd_filestat_set_times', 3, 1n, 0n, 1]],
      'the time of change': [['fd_filestat_set_times', 3, 0n, 1n, 4]],
      'both to now': [['fd_filestat_set_times', 3, 0n, 0n, 10]],
    })) {
      const { granted } = await folders(t)
      const before = await folderState(granted)
      const options = { preopens: { '/': { hostPath: granted, access: 'write' } } } as const
      const { errnos } = await script(steps, options, undefined, wasi)
      t.deepEqual(
        errnos,
        steps.map(() => 'success'),
        name,
      )
      t.notDeepEqual(await folderState(granted), before, name)
    }
  })

  test(`what has no times keeps its error (${wasi})`, async (t) => {
    const { granted } = await folders(t)
    const { errnos } = await script(
      [
        ['fd_filestat_set_times', 99, 1n, 1n, 5],
        ['fd_filestat_set_times', 1, 1n, 1n, 5],
        // Both times of one kind at once.
        ['fd_filestat_set_times', 3, 1n, 1n, 15],
        ['fd_filestat_set_times', 3, 1n, 1n, 0x10000],
      ],
      { preopens: { '/': { hostPath: granted, access: 'write' } } },
      undefined,
      wasi,
    )
    t.deepEqual(errnos, ['badf', 'badf', 'inval', 'inval'])
  })
}

/** Paths that lead outside, in every way that is known. */
const ESCAPES = [
  '../outside/name',
  '..',
  'inside/../../outside/name',
  './/../outside/name',
  'self/../outside/name',
  'self/self/../outside/name',
  '/name',
  'absolute/name',
  'relative/name',
  'detour/name',
  'chained/name',
  'to-file',
  'self/relative/name',
  'inside/../relative/name',
  'absolute/',
  'absolute/.',
  'relative/..',
]

test('paths and links do not lead outside, for no function that takes a path', async (t) => {
  const { granted, outside } = await folders(t)
  const before = await folderState(outside)
  const options: RunOptions = { preopens: { '/': { hostPath: granted, access: 'write' } } }
  for (const path of ESCAPES) {
    const steps: Step[] = [
      ['path_open', 3, 1, path, 0, 2n, 0n, 0, SCRATCH],
      open(3, path, 1),
      open(3, path, 8),
      ['path_filestat_get', 3, 1, path, SCRATCH],
      ['path_filestat_set_times', 3, 1, path, 1n, 1n, 5],
    ]
    const { errnos } = await script(steps, options)
    for (const [index, errno] of errnos.entries()) {
      // `relative/..` names what is above the directory outside.
      t.not(errno, 'success', `${path}, call ${index}`)
    }
  }
  for (const path of ['../outside/x', 'relative/x', 'absolute/x', 'dangling', 'detour/x']) {
    const last = path === 'dangling' ? 'dangling/x' : path
    const steps: Step[] = [
      open(3, path, 1),
      ['path_create_directory', 3, last],
      ['path_symlink', 'file', 3, last],
      ['path_link', 3, 0, 'file', 3, last],
      ['path_rename', 3, 'file', 3, last],
      ['path_unlink_file', 3, path === 'dangling' ? last : path.replace(/x$/, 'name')],
      ['path_remove_directory', 3, last],
    ]
    const { errnos } = await script(steps, options)
    for (const [index, errno] of errnos.entries()) t.not(errno, 'success', `${path}, call ${index}`)
  }
  // No link that leads somewhere absolute is made.
  const { errnos } = await script([['path_symlink', outside, 3, 'made']], options)
  t.deepEqual(errnos, ['perm'])
  t.deepEqual(await folderState(outside), before)
})

/** Swaps links in another thread, and resolves when it has done so that often. */
function swapping(granted: string, outside: string, times: number): Promise<void> {
  const script = new URL('../support/swap-links.mjs', import.meta.url)
  const worker = new Worker(script, { workerData: { folder: granted, outside, times } })
  return new Promise((resolve, reject) => {
    worker.once('error', reject)
    worker.once('exit', () => resolve())
  })
}

/** Opens `link/name` and reads a byte, again and again: exits with 1 if that is the secret's. */
const OPENER = `(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\\40\\00\\00\\00\\01\\00\\00\\00")
  (data (i32.const 16) "link/name")
  (global $left (mut i32) (i32.const 2000))
  (global $opened (mut i32) (i32.const 0))
  (func (export "_start")
    (loop $again
      (if (i32.eqz (call $open (i32.const 3) (i32.const 1) (i32.const 16) (i32.const 9) (i32.const 0)
          (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 32)))
        (then
          (drop (call $read (i32.load (i32.const 32)) (i32.const 0) (i32.const 1) (i32.const 8)))
          (drop (call $close (i32.load (i32.const 32))))
          (if (i32.eq (i32.load8_u (i32.const 64)) (i32.const 0x73)) (then (call $exit (i32.const 1))))
          (global.set $opened (i32.const 2))))
      (global.set $left (i32.sub (global.get $left) (i32.const 1)))
      (br_if $again (global.get $left)))
    (call $exit (global.get $opened))))`

const SWAPS = 100_000

for (const [name, program, args, wanted] of [
  ['WASI 0.1', () => load(Buffer.from(OPENER), { cache: false }), [], /^exit [02]$/],
  ['WASI 0.2', () => real('rust-p2'), ['read', '/link/name'], /^exit \d+$/],
] as const) {
  test(`a link that is swapped ${SWAPS} times while it is opened does not lead outside (${name})`, async (t) => {
    const { granted, outside } = await folders(t)
    const opener = await program()
    const progress = { swapped: false }
    const swaps = swapping(granted, outside, SWAPS).finally(() => (progress.swapped = true))
    let inside = 0
    while (!progress.swapped) {
      const options: RunOptions = { args, preopens: { '/': granted } }
      const { all } = await drain(opener.batch(numbers(8).map(() => options)))
      for (const { outcome } of all) {
        t.regex(ending(outcome!), wanted)
        const text = outcome!.stdout.toString()
        t.false(text.includes('secret'), text)
        if (outcome!.kind === 'exit' && (outcome!.code === 2 || text.includes('inside')))
          inside += 1
      }
    }
    await swaps
    // Otherwise nothing was tried.
    t.true(inside > 0)
  })
}

test('what a guest reads through swapped links is also that of descriptors that it has open', async (t) => {
  const { granted } = await folders(t)
  const { errnos, memory } = await script(
    [
      ['path_open', 3, 1, 'inside', 2, 2n, 0n, 0, SCRATCH],
      ['path_open', 4, 1, '../file', 0, 2n, 0n, 0, SCRATCH],
      ['path_open', 4, 1, 'name', 0, 2n, 0n, 0, SCRATCH],
      read(5, 6, 16),
    ],
    { preopens: { '/': granted } },
  )
  t.deepEqual(errnos, ['success', 'perm', 'success', 'success'])
  t.is(memory.toString('latin1', 16, 22), 'inside')
})
