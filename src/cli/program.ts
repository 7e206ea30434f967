import { load, type LoadOptions, type Program } from '../index.ts'
import { readAll, type Io } from './io.ts'

/** Loads the program of a command; `-` is one that comes through stdin. */
export async function openProgram(io: Io, path: string, options: LoadOptions): Promise<Program> {
  return load(path === '-' ? await readAll(io.stdin) : path, options)
}
