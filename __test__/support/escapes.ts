// The ways out of a granted directory for each operation of a component on a path.
import { mkdir, realpath, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import type { Files, Outcome, RunOptions } from './package.ts'
import { folder } from './guest.ts'
import {
  componentScript,
  CREATE,
  DIRECTORY,
  EXCLUSIVE,
  FOLLOW,
  LONG_AGO,
  READ,
  TOP,
  TRUNCATE,
  WRITE,
  type Handle,
  type Step,
} from './component-script.ts'
import type { Version } from './component-wat.ts'

/** What an operation needs at the end of its path. */
type Leaf = 'file' | 'directory' | 'link' | 'nothing'

export interface Operation {
  leaf: Leaf
  /** Whether a link at the end of the path is followed. */
  follows?: true
  /** Whether it takes a directory, also by a path that ends in a slash: then a link before it is followed. */
  slash?: true
  /** `inside` is a path to something else that the operation takes. */
  step: (at: Handle, path: string, inside: string) => Step
  /** What has to be at `inside`. */
  needs?: 'file'
}

/** Each function with each path that it takes, and each way to open. */
const OPERATIONS: Readonly<Record<string, Operation>> = {
  'open to read': {
    leaf: 'file',
    follows: true,
    step: (at, path) => ['open-at', at, FOLLOW, path, 0, READ],
  },
  'open to write': {
    leaf: 'file',
    follows: true,
    step: (at, path) => ['open-at', at, FOLLOW, path, 0, READ | WRITE],
  },
  'open without a link to follow': {
    leaf: 'file',
    step: (at, path) => ['open-at', at, 0, path, 0, READ],
  },
  'open a directory': {
    leaf: 'directory',
    follows: true,
    slash: true,
    step: (at, path) => ['open-at', at, FOLLOW, path, DIRECTORY, READ],
  },
  'open a directory without a link to follow': {
    leaf: 'directory',
    slash: true,
    step: (at, path) => ['open-at', at, 0, path, DIRECTORY, READ],
  },
  truncate: {
    leaf: 'file',
    follows: true,
    step: (at, path) => ['open-at', at, FOLLOW, path, TRUNCATE, WRITE],
  },
  create: {
    leaf: 'nothing',
    follows: true,
    step: (at, path) => ['open-at', at, FOLLOW, path, CREATE, WRITE],
  },
  'create exclusively': {
    leaf: 'nothing',
    step: (at, path) => ['open-at', at, 0, path, CREATE | EXCLUSIVE, WRITE],
  },
  stat: { leaf: 'file', follows: true, step: (at, path) => ['stat-at', at, FOLLOW, path] },
  'stat a link': { leaf: 'link', step: (at, path) => ['stat-at', at, 0, path] },
  hash: {
    leaf: 'file',
    follows: true,
    step: (at, path) => ['metadata-hash-at', at, FOLLOW, path],
  },
  'hash a link': { leaf: 'link', step: (at, path) => ['metadata-hash-at', at, 0, path] },
  'set times': {
    leaf: 'file',
    follows: true,
    step: (at, path) => ['set-times-at', at, FOLLOW, path, ...LONG_AGO],
  },
  'set the times of a link': {
    leaf: 'link',
    step: (at, path) => ['set-times-at', at, 0, path, ...LONG_AGO],
  },
  'set the times of a directory': {
    leaf: 'directory',
    slash: true,
    step: (at, path) => ['set-times-at', at, 0, path, ...LONG_AGO],
  },
  'read a link': { leaf: 'link', step: (at, path) => ['readlink-at', at, path] },
  'make a directory': { leaf: 'nothing', step: (at, path) => ['create-directory-at', at, path] },
  'remove a directory': {
    leaf: 'directory',
    step: (at, path) => ['remove-directory-at', at, path],
  },
  'unlink a file': { leaf: 'file', step: (at, path) => ['unlink-file-at', at, path] },
  'unlink a link': { leaf: 'link', step: (at, path) => ['unlink-file-at', at, path] },
  'rename from': {
    leaf: 'file',
    step: (at, path, inside) => ['rename-at', at, path, at, inside],
  },
  'rename to': {
    leaf: 'nothing',
    needs: 'file',
    step: (at, path, inside) => ['rename-at', at, inside, at, path],
  },
  'rename onto': {
    leaf: 'file',
    needs: 'file',
    step: (at, path, inside) => ['rename-at', at, inside, at, path],
  },
  'link from': {
    leaf: 'file',
    step: (at, path, inside) => ['link-at', at, 0, path, at, inside],
  },
  'link to': {
    leaf: 'nothing',
    needs: 'file',
    step: (at, path, inside) => ['link-at', at, 0, inside, at, path],
  },
  'make a symbolic link': {
    leaf: 'nothing',
    step: (at, path) => ['symlink-at', at, 'target', path],
  },
}

/** Links of the granted folder, which is beside a folder `outside`. */
const RELATIVE_LINKS = {
  relative: '../outside',
  detour: 'inside/../../outside',
  chained: 'relative',
  above: '..',
  self: '.',
  'inside/up': '../../outside',
} as const

export interface Way {
  /** The path to something outside. */
  path: (leaf: string, outside: string) => string
  /** It leads nowhere where the folder above is granted. */
  absolute?: 'path' | 'link'
  /** Whether the path ends in a slash. */
  slash?: true
  /** The target of the link that the path ends in. */
  last?: (leaf: string, outside: string) => string
}

/** The ways out: `..`, absolute paths, and links in the middle and at the end of a path. */
const WAYS: Readonly<Record<string, Way>> = {
  ...Object.fromEntries(
    [
      '../outside',
      './/..//outside/.',
      'inside/../../outside',
      'self/../outside',
      'self/self/../outside/../outside',
      'relative',
      'detour',
      'chained',
      'above/outside',
      'inside/up',
      'inside/../relative',
      'self/relative/../outside',
    ].map((path): [string, Way] => [path, { path: (leaf) => `${path}/${leaf}` }]),
  ),
  'an absolute path': { path: (leaf, outside) => `${outside}/${leaf}`, absolute: 'path' },
  'an absolute link': { path: (leaf) => `absolute/${leaf}`, absolute: 'link' },
  'a link to the root': {
    path: (leaf, outside) => `root${outside}/${leaf}`,
    absolute: 'link',
  },
  'a relative link at the end': {
    path: (leaf) => `to-${leaf}`,
    last: (leaf) => `../outside/${leaf}`,
  },
  'a relative link and a slash': {
    path: (leaf) => `slash-${leaf}/`,
    slash: true,
    last: (leaf) => `../outside/${leaf}`,
  },
  'a relative link and a dot': {
    path: (leaf) => `dot-${leaf}/.`,
    slash: true,
    last: (leaf) => `../outside/${leaf}`,
  },
  'an absolute link at the end': {
    path: (leaf) => `to-absolute-${leaf}`,
    absolute: 'link',
    last: (leaf, outside) => `${outside}/${leaf}`,
  },
}

/** An operation and a way out. */
export interface Escape {
  name: string
  operation: Operation
  way: Way
  /** The name of what is at the end of the way, for this operation alone. */
  leaf: string
  /** The path of something else in the granted folder. */
  inside: string
}

export const ESCAPES: readonly Escape[] = Object.entries(OPERATIONS).flatMap(
  ([name, operation], row) =>
    Object.entries(WAYS)
      .filter(([, way]) => !way.last || (way.slash ? operation.slash : operation.follows))
      .map(([by, way], column) => ({
        name: `${name} by ${by}`,
        operation,
        way,
        leaf: `leaf-${row}-${column}`,
        inside: `inside-${row}-${column}`,
      })),
)

/** The name of the link that a path ends in. */
export function linkOf({ path }: Way, leaf: string): string {
  return path(leaf, '').split('/')[0]!
}

interface Folders {
  /** Has the other two. */
  root: string
  granted: string
  outside: string
}

/** All that {@link ESCAPES} need. */
export async function folders(t: ExecutionContext): Promise<Folders> {
  const root = await realpath(await folder(t))
  const [granted, outside] = [join(root, 'granted'), join(root, 'outside')]
  await mkdir(join(granted, 'inside'), { recursive: true })
  await mkdir(outside)
  for (const [name, target] of Object.entries({
    ...RELATIVE_LINKS,
    absolute: outside,
    root: '/',
  }))
    await symlink(target, join(granted, name))
  for (const { operation, way, leaf, inside } of ESCAPES) {
    const path = join(outside, leaf)
    if (operation.leaf === 'file') await writeFile(path, 'secret')
    if (operation.leaf === 'directory') await mkdir(path)
    if (operation.leaf === 'link') await symlink('target', path)
    if (operation.needs) await writeFile(join(granted, inside), 'given')
    if (way.last) await symlink(way.last(leaf, outside), join(granted, linkOf(way, leaf)))
  }
  return { root, granted, outside }
}

/** How escapes are tried. */
interface Attempt {
  version: Version
  escapes: readonly Escape[]
  options: RunOptions
  /** The absolute path of what is outside. */
  outside: string
  /** What is done before. */
  before?: readonly Step[]
  /** From where the paths are. */
  at?: Handle
  /** What is put before each path. */
  prefix?: string
}

/** Tries them all, and returns what each returned, and the outcome. */
export async function attempt({
  version,
  escapes,
  options,
  outside,
  before = [],
  at = TOP,
  prefix = '',
}: Attempt): Promise<{ codes: Record<string, string>; outcome: Outcome }> {
  const steps = escapes.map(({ operation, way, leaf, inside }) =>
    operation.step(at, `${prefix}${way.path(leaf, outside)}`, `${prefix}${inside}`),
  )
  const results = await componentScript(version, [...before, ...steps], options)
  const codes = results.codes()
  const failed = codes.slice(0, before.length).filter((code) => code !== 'success')
  if (failed.length > 0) throw new Error(`not made: ${failed}`)
  const ended = escapes.map(({ name }, index) => [name, codes[before.length + index]!])
  return { codes: Object.fromEntries(ended), outcome: results.outcome }
}

/** One code for all of them. */
export function same(escapes: readonly Escape[], code: string): Record<string, string> {
  return Object.fromEntries(escapes.map(({ name }) => [name, code]))
}

export const RELATIVE: readonly Escape[] = ESCAPES.filter(({ way }) => way.absolute === undefined)

/** What the escapes need, in memory: in a directory `granted`, or at the top, above which there is nothing. */
export function inMemory(
  escapes: readonly Escape[],
  at: 'granted/' | '',
): { files: Files; links: Step[] } {
  const files: Record<string, string | Files> = { [`${at}inside/`]: {} }
  const links = Object.entries(RELATIVE_LINKS).map(([name, target]): Step => [
    'symlink-at',
    TOP,
    target,
    `${at}${name}`,
  ])
  if (at !== '') files['outside/'] = {}
  for (const { operation, way, leaf, inside } of escapes) {
    if (operation.needs) files[`${at}${inside}`] = 'given'
    if (way.last) {
      const target = way.last(leaf, OUTSIDE)
      links.push(['symlink-at', TOP, target, `${at}${linkOf(way, leaf)}`])
    }
    if (at === '') continue
    if (operation.leaf === 'file') files[`outside/${leaf}`] = 'secret'
    if (operation.leaf === 'directory') files[`outside/${leaf}/`] = {}
    if (operation.leaf === 'link') links.push(['symlink-at', TOP, 'target', `outside/${leaf}`])
  }
  return { files, links }
}

export const OUTSIDE = '/outside'
/** No link in memory is absolute. */
export const WITHOUT_ABSOLUTE_LINKS: readonly Escape[] = ESCAPES.filter(
  ({ way }) => way.absolute !== 'link',
)
