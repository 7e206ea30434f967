// Files of TypeScript that use the package, compiled strictly.
import { execFile } from 'node:child_process'
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const exec = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))

/** The oldest TypeScript that has `using` with its types, and those after it. */
const COMPILERS = ['typescript-5.4', 'typescript-6', 'typescript']

export async function versionOf(compiler: string): Promise<string> {
  const text = await readFile(join(root, 'node_modules', compiler, 'package.json'), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

/** Writes files into an empty folder and compiles them with each compiler; returns what these say. */
export async function compile(
  place: string,
  files: Readonly<Record<string, string>>,
): Promise<string[]> {
  await mkdir(join(place, 'node_modules'))
  await symlink(root, join(place, 'node_modules/wasiexec'), 'junction')
  await symlink(join(root, 'node_modules/@types'), join(place, 'node_modules/@types'), 'junction')
  await writeFile(join(place, 'package.json'), '{ "type": "module" }')
  for (const [name, text] of Object.entries(files)) await writeFile(join(place, name), text)
  const options =
    '--strict --noEmit --exactOptionalPropertyTypes --noUncheckedIndexedAccess --target es2022 ' +
    '--lib es2022,esnext.disposable --types node --module nodenext --moduleResolution nodenext --skipLibCheck false'
  const said = []
  for (const compiler of COMPILERS) {
    const tsc = join(root, 'node_modules', compiler, 'bin/tsc')
    const sources = Object.keys(files)
    try {
      await exec(process.execPath, [tsc, ...options.split(' '), ...sources], { cwd: place })
    } catch (error) {
      said.push(`${compiler}: ${(error as { stdout: string }).stdout}`)
    }
  }
  return said
}
