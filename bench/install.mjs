// Installs what only the bench needs, beside the bench: users of the package never see it.
import { execFileSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { provideVenv } from '../scripts/venv.mjs'

const at = (path) => fileURLToPath(new URL(path, import.meta.url))

/** Python with wasmtime's package. */
export const python = at('.venv/bin/python')

/** Installs npm packages into bench/node_modules and Python's into bench/.venv, unless they are there. */
export function install() {
  const lock = at('package-lock.json')
  const installed = at('node_modules/.package-lock.json')
  if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(lock).mtimeMs) npmCi()
  provideVenv(at('.venv'), at('requirements.txt'))
}

function npmCi() {
  const options = { cwd: at('.'), stdio: ['ignore', 'ignore', 'inherit'] }
  try {
    execFileSync('npm', ['ci', '--no-audit', '--no-fund'], options)
  } catch (error) {
    const what = `\`npm ci\` in bench/: ${error.message}`
    throw new Error(`the bench's rivals cannot be installed: ${what}`, { cause: error })
  }
}
