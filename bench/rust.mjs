import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const built = new Map()

/** The path of a bench of `crate/benches`, which is built if needed: cargo puts a hash into its name. */
export function rustBench(name) {
  if (!built.has(name)) built.set(name, build(name))
  return built.get(name)
}

function build(name) {
  const cargo = ['scripts/cargo.mjs', 'bench', '--no-run', '--message-format=json', '--bench', name]
  const messages = execFileSync(process.execPath, cargo, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 1 << 28,
  })
  const artifacts = messages.split('\n').filter((line) => line.includes('"executable":"'))
  return artifacts.map((line) => JSON.parse(line)).find(({ target }) => target.name === name)
    .executable
}
