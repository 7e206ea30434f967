import { randomUUID } from 'node:crypto'
import { link, lstat, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'

interface WholeFileOptions {
  /** In place of a file that is there; otherwise that rejects with `EEXIST`. */
  readonly replace: boolean
  readonly signal?: AbortSignal
}

/**
 * Writes a file so that it appears whole or not at all. Rejects with what the file system or the signal
 * has against it.
 */
export async function writeWholeFile(
  path: string,
  content: string | Uint8Array,
  { replace, signal }: WholeFileOptions,
): Promise<void> {
  // A link stays one, and what it leads to is replaced.
  const target = replace ? await realpath(path).catch(() => path) : path
  const temporary = `${target}.${randomUUID()}.tmp`
  try {
    await writeFile(temporary, content, { flag: 'wx', signal })
    if (replace) await rename(temporary, target)
    else await renameToNew(temporary, target)
  } finally {
    await rm(temporary, { force: true })
  }
}

/** A link replaces nothing, also not what came a moment ago. Not every file system has links. */
async function renameToNew(from: string, to: string): Promise<void> {
  try {
    await link(from, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw error
    if ((await lstat(to).catch(() => undefined)) !== undefined) throw error
    await rename(from, to)
  }
}

/** Looks before the work at what is there, and returns why it is not to be replaced, if so. */
export async function objection(path: string, replace: boolean): Promise<string | undefined> {
  const there = await stat(path).catch(() => undefined)
  if (there === undefined) return undefined
  if (there.isDirectory()) return `${path} is a folder`
  // What is renamed to the name of a device takes its place.
  if (!there.isFile()) return `${path} is not a regular file`
  return replace ? undefined : `${path} exists; --force replaces it`
}
