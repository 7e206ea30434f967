// Installs what only the bench needs, beside the bench: users of the package never see it.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const at = (path) => fileURLToPath(new URL(path, import.meta.url))

/** Python with wasmtime's package. */
export const python = at('.venv/bin/python')

/** Installs npm packages into bench/node_modules and Python's into bench/.venv, unless they are there. */
export function install() {
  const lock = at('package-lock.json')
  const installed = at('node_modules/.package-lock.json')
  if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(lock).mtimeMs) {
    call('npm', ['ci', '--no-audit', '--no-fund'])
  }
  const wanted = readFileSync(at('requirements.txt'), 'utf8')
  const stamp = at('.venv/requirements.txt')
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) {
    call('python3', ['-m', 'venv', '--clear', at('.venv')])
    call(python, ['-m', 'pip', 'install', '--quiet', '--requirement', at('requirements.txt')])
    writeFileSync(stamp, wanted)
  }
}

function call(command, args) {
  try {
    execFileSync(command, args, { cwd: at('.'), stdio: ['ignore', 'ignore', 'inherit'] })
  } catch (error) {
    const what = `\`${[command, ...args].join(' ')}\` in bench/`
    throw new Error(`the bench's rivals cannot be installed: ${what}: ${error.message}`, {
      cause: error,
    })
  }
}
