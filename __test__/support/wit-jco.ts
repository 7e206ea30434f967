// The same component by jco, which makes JavaScript of it for V8.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { transpileBytes, writeFiles } from '@bytecodealliance/jco-transpile'
import type { WitType } from './wit-echo.ts'

/** The function `echo` of a component, with what jco does otherwise made alike. */
export async function jcoEcho(
  wasm: Uint8Array,
  type: WitType,
): Promise<(...args: unknown[]) => unknown> {
  const folder = await mkdtemp(join(tmpdir(), 'wasiexec-jco-'))
  try {
    const { files } = await transpileBytes(wasm, { name: 'echo', outDir: folder })
    await writeFiles(files)
    const made = (await import(pathToFileURL(join(folder, 'echo.js')).href)) as {
      $init?: Promise<void>
      echo: { echo(...args: unknown[]): unknown }
    }
    await made.$init
    const { echo } = made.echo
    return type.kind === 'result' ? asValue(echo) : echo
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** The outermost result as a value: jco returns what is ok, and throws the rest. */
function asValue(echo: (...args: unknown[]) => unknown): (...args: unknown[]) => unknown {
  return (...args) => {
    try {
      return { tag: 'ok', val: echo(...args) }
    } catch (error) {
      if (!(error instanceof Error)) return { tag: 'err', val: error }
      if (!('payload' in error)) throw error
      return { tag: 'err', val: error.payload }
    }
  }
}
