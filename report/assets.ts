import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'

/** The script and the style sheet that the build makes of browser/. */
export interface Assets {
  readonly script: string
  readonly style: string
}

/** Reads what scripts/page.mjs has built; the sources and the bundled command have the same files. */
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
