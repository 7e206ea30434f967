// Where cross builds keep what they need, and how they call other programs.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Tools, target folders and test machines: outside of the repository, and kept. */
export const CACHE = resolve(
  process.env.WASIEXEC_CROSS ??
    join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'wasiexec-cross'),
)

/** Runs a program and shows what it prints; throws when it fails. */
export function run(program, args, options = {}) {
  const { status, signal, error } = spawnSync(program, args, { stdio: 'inherit', ...options })
  if (error) throw error
  if (status !== 0) throw new Error(`${basename(program)} ended with ${signal ?? status}`)
}

/** Runs a program and returns what it prints. */
export function read(program, args, options = {}) {
  const { status, stdout, error } = spawnSync(program, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    ...options,
  })
  if (error) throw error
  if (status !== 0) throw new Error(`${basename(program)} ended with ${status}`)
  return stdout.trim()
}

/** The folder `name` of the cache, filled by `fill` once; what is half filled is made anew. */
export function once(name, fill) {
  const folder = join(CACHE, name)
  if (existsSync(folder)) return folder
  console.log(`== ${name}`)
  const partial = `${folder}.partial`
  rmSync(partial, { recursive: true, force: true })
  mkdirSync(partial, { recursive: true })
  fill(partial)
  mkdirSync(dirname(folder), { recursive: true })
  renameSync(partial, folder)
  return folder
}

/** Unpacks wheels of PyPI into a folder. */
export function unpackWheels(folder, ...wheels) {
  const quietly = ['--quiet', '--no-deps', '--no-compile', '--root-user-action=ignore']
  run('python3', ['-m', 'pip', 'install', ...quietly, '--target', folder, ...wheels])
}

/** Unpacks a package of npm's registry into a folder. */
export function unpackNpm(folder, spec) {
  mkdirSync(folder, { recursive: true })
  const quietly = { stdio: ['ignore', 'ignore', 'inherit'] }
  run('npm', ['pack', '--silent', '--pack-destination', folder, spec], quietly)
  run('sh', ['-c', 'tar -xzf *.tgz --strip-components=1 && rm *.tgz'], { cwd: folder })
}
