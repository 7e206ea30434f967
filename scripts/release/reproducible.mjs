// Builds this system's binary twice from nothing, in two folders, and compares the bytes. Takes as long as two releases.
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

const work = mkdtempSync(join(tmpdir(), 'wasiexec-reproducible-'))
const files = execFileSync('git', ['ls-files'], { encoding: 'utf8' }).trimEnd().split('\n')

/** Builds a copy of the working tree; returns the binary. */
function build(name) {
  const folder = join(work, name)
  for (const file of files) {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    cpSync(file, join(folder, file))
  }
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'), 'junction')
  const env = { ...process.env, CARGO_TARGET_DIR: join(folder, 'target') }
  const args = ['scripts/release/build.mjs']
  const { status } = spawnSync(process.execPath, args, { cwd: folder, env, stdio: 'inherit' })
  if (status !== 0) throw new Error(`the build in ${folder} ended with ${status}`)
  const native = join(folder, 'src/native')
  return readFileSync(
    join(
      native,
      readdirSync(native).find((file) => file.endsWith('.node')),
    ),
  )
}

try {
  // Of different length, too.
  const [first, second] = [build('first'), build('the-second-folder')]
  for (const binary of [first, second])
    console.log(`${createHash('sha256').update(binary).digest('hex')}  ${binary.length} bytes`)
  const at = first.findIndex((byte, index) => byte !== second[index])
  const isSame = at === -1 && first.length === second.length
  console.log(isSame ? 'the same bytes' : `they differ from byte ${at} on`)
  process.exitCode = isSame ? 0 : 1
} finally {
  rmSync(work, { recursive: true, force: true })
}
