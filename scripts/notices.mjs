// The licences of the packages whose code a bundle has.
import { readdir, readFile } from 'node:fs/promises'
import { join, sep } from 'node:path'

/** The folder in node_modules from which a module comes. */
function packageOf(moduleId) {
  const match = /^(.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+)[\\/]/.exec(moduleId)
  return match?.[1]
}

/** The name of the package in `folder`, and its licence in full. */
async function notice(folder) {
  const { name, version, license } = JSON.parse(
    await readFile(join(folder, 'package.json'), 'utf8'),
  )
  const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry))
  if (file === undefined) throw new Error(`${name} is bundled, but has no licence file`)
  const text = await readFile(join(folder, file), 'utf8')
  return `${name} ${version} (${license})\n\n${text.trim()}\n`
}

/** One text for all packages among the modules of these chunks. */
export async function notices(chunks) {
  const modules = chunks.flatMap((chunk) => chunk.moduleIds ?? [])
  const folders = new Set(modules.map((id) => packageOf(id.replaceAll('/', sep))))
  folders.delete(undefined)
  const all = await Promise.all([...folders].toSorted().map(notice))
  return `The command of wasiexec has code of these packages in it.\n\n${all.join(`\n${'-'.repeat(72)}\n\n`)}`
}
