import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'

/** What the build made of browser/. */
export interface Assets {
  readonly script: string
  readonly style: string
}

/** What scripts/page.mjs has built of browser/; the same files for the sources and for the bundled command. */
export async function assets(): Promise<Assets> {
  const folder = join(
    createRequire(import.meta.url).resolve('wasiexec/package.json'),
    '../dist/cli',
  )
  const [script, style] = await Promise.all(
    ['report.js', 'report.css'].map((name) => readFile(join(folder, name), 'utf8')),
  )
  return { script: script!, style: style! }
}
