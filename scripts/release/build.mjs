// Builds a binary as a release has it: build.mjs [options of `napi build`]. It has the profile of profile.toml, and no
// paths of this machine in it, so that two machines get the same bytes.
import { spawnSync } from 'node:child_process'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const options = process.argv.slice(2)
const profile = fileURLToPath(new URL('profile.toml', import.meta.url))
const { env } = process

function output(program, ...args) {
  const { stdout, status } = spawnSync(program, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}`)
  return stdout.trim()
}

const folders = [
  [output('rustc', '--print', 'sysroot'), 'rust'],
  [env.CARGO_HOME ?? join(homedir(), '.cargo'), 'cargo'],
  // The last that fits counts.
  [process.cwd(), 'wasiexec'],
]
const flags = folders.map(([path, name]) => `--remap-path-prefix=${path}=${name}`)
// These flags replace those of .cargo/config.toml.
if (options.some((option) => option.endsWith('-msvc'))) flags.push('-C target-feature=+crt-static')

const args = ['run', 'build:native', '--', ...options, '--', '--config', profile]
const { status } = spawnSync('npm', args, {
  stdio: 'inherit',
  shell: process.platform === 'win32',
  // Archives of C code would otherwise have the time in them.
  env: { ...env, RUSTFLAGS: flags.join(' '), SOURCE_DATE_EPOCH: '0', ZERO_AR_DATE: '1' },
})
process.exitCode = status ?? 1
