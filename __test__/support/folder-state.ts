// What is in a folder of the host, to see whether a guest has changed anything.
import { lstat, readFile, readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'

/** A folder or file with all that is in it: names, contents, targets of links, links to it, modes and times of changes. */
export async function folderState(path: string): Promise<unknown> {
  const stat = await lstat(path, { bigint: true })
  const { ino, mode, nlink, mtimeNs } = stat
  // On Windows a read may change it.
  const changed = process.platform === 'win32' ? 0n : stat.ctimeNs
  const common = { ino, mode, nlink, mtimeNs, changed }
  if (stat.isSymbolicLink()) return { ...common, target: await readlink(path) }
  if (!stat.isDirectory()) return { ...common, content: await readFile(path, 'latin1') }
  const names = (await readdir(path)).toSorted()
  const states = names.map(async (name) => [name, await folderState(join(path, name))] as const)
  return { ...common, entries: Object.fromEntries(await Promise.all(states)) }
}
