import { randomUUID } from 'node:crypto'
import { link, lstat, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'

interface WholeFileOptions {
  /** Whether an existing file is replaced; otherwise the write rejects with `EEXIST`. */
  readonly replace: boolean
  readonly signal?: AbortSignal
}

/**
 * Writes a file so that it appears whole or not at all. Rejects with the error of the file system, or the
 * signal's.
 */
export async function writeWholeFile(
  path: string,
  content: string | Uint8Array,
  { replace, signal }: WholeFileOptions,
): Promise<void> {
  // A symbolic link stays, and the file that it leads to is replaced.
  const target = replace ? await realpath(path).catch(() => path) : path
  const temporary = `${target}.${randomUUID()}.tmp`
  try {
    await writeFile(temporary, content, { flag: 'wx', signal })
    if (replace) await rename(temporary, target)
    else await renameToNew(temporary, target)
  } catch (error) {
    throw ofFile(error, temporary, path)
  } finally {
    await rm(temporary, { force: true })
  }
}

/** The error with the path that the caller knows, in place of that of a file that is there for a moment. */
function ofFile(error: unknown, temporary: string, path: string): unknown {
  if (error instanceof Error) error.message = error.message.replaceAll(temporary, path)
  return error
}

/** A hard link never replaces a file, not even a file that came a moment ago. Not every file system has links. */
async function renameToNew(from: string, to: string): Promise<void> {
  try {
    await link(from, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw error
    if ((await lstat(to).catch(() => undefined)) !== undefined) throw error
    await rename(from, to)
  }
}

/** Looks at an existing file before the work begins. Returns why it must not be replaced, if it must not. */
export async function objection(path: string, replace: boolean): Promise<string | undefined> {
  const there = await stat(path).catch(() => undefined)
  if (there === undefined) return undefined
  if (there.isDirectory()) return `${path} is a folder`
  // A rename would replace the device itself.
  if (!there.isFile()) return `${path} is not a regular file`
  return replace ? undefined : `${path} exists; --force replaces it`
}
