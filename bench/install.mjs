// What only the bench needs is installed beside the bench: users of the package never see it.
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import { install as installInto } from '../scripts/install.mjs'
import { venvProgram } from '../scripts/venv.mjs'

const folder = fileURLToPath(new URL('.', import.meta.url))

/** Python with wasmtime's package. */
export const python = venvProgram(join(folder, '.venv'), 'python')

/** Installs npm packages into bench/node_modules and Python's into bench/.venv, unless they are there. */
export function install() {
  try {
    installInto(folder)
  } catch (error) {
    throw new Error(`the bench's rivals cannot be installed: ${error.message}`, { cause: error })
  }
}
