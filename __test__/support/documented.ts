// The examples and the snippets of the docs, run as users run them.
import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'
import { ended, type Ended } from './child.ts'
import { compiled, realPath, watPath } from './guest.ts'

/** A file of this repository. */
export const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))

/** Beside the other compiled code, so that nothing of the user is touched. */
export const CACHE: Record<'XDG_CACHE_HOME' | 'LOCALAPPDATA', string> = {
  XDG_CACHE_HOME: compiled,
  LOCALAPPDATA: compiled,
}

/** Runs a script as a user would. */
export function script(
  path: string,
  args: string[] = [],
  stdin = '',
  cwd: string = at('.'),
  env: Record<string, string> = {},
): Promise<Ended> {
  const child = spawn(process.execPath, [path, ...args], {
    cwd,
    env: { ...process.env, ...CACHE, ...env },
  })
  child.stdin.end(stdin)
  return ended(child)
}

/** A snippet of a page, and the text block below it, which is what it prints. */
export interface Snippet {
  readonly code: string
  readonly printed: string
}

/** The snippets of a page in docs/. */
export async function snippets(page: string, language = 'js'): Promise<Snippet[]> {
  const text = await readFile(at(`docs/${page}`), 'utf8')
  const pattern = new RegExp(
    `\`\`\`${language}\\n([^]*?)\`\`\`\\n(?:\\n\`\`\`text\\n([^]*?)\`\`\`)?`,
    'g',
  )
  return [...text.matchAll(pattern)].map(([, code, printed]) => ({
    code: code!,
    printed: printed ?? '',
  }))
}

/** The programs that the docs speak of. */
export const PROGRAMS: Record<string, string> = {
  'library.wasm': watPath('exports'),
  'read.wasm': watPath('read-file'),
  'write.wasm': watPath('write-file'),
  'exit.wasm': watPath('exit-argv'),
  'clock.wasm': watPath('clock'),
  'random.wasm': watPath('random'),
  'copy.wasm': watPath('cat'),
  'loop.wasm': watPath('loop'),
  'sleep.wasm': watPath('sleep-argv'),
  'trap.wasm': watPath('trap-divide-by-zero'),
  'plugin.wasm': watPath('host-row'),
  'calc.wasm': watPath('calc-component'),
  'store.wasm': watPath('store-component'),
}

/** A folder below this package, so that `wasiexec` is found, with programs under the names they have in the docs. */
export async function documented(t: ExecutionContext): Promise<string> {
  await mkdir(dirname(compiled), { recursive: true })
  const path = await mkdtemp(join(dirname(compiled), 'docs-'))
  t.teardown(() => rm(path, { recursive: true, force: true }))
  await Promise.all(
    Object.entries({
      ...PROGRAMS,
      'net.wasm': await realPath('net'),
      'http.wasm': await realPath('http'),
      'stores.wasm': await realPath('stores'),
      'flows.wasm': await realPath('flows'),
      'tool.wasm': await realPath('rust'),
    }).map(async ([name, source]) => {
      await writeFile(join(path, name), await readFile(source))
    }),
  )
  return path
}
