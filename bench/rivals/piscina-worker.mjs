// One of Piscina's workers: node:wasi with the guest already compiled.
import { mkdtempSync, openSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WASI } from 'node:wasi'
import { workerData } from 'piscina'

const { module, args } = workerData
// node:wasi prints only to descriptors. The fastest way to capture output was a file in memory, read from where the
// last run stopped printing.
const folder = mkdtempSync(join(process.platform === 'linux' ? '/dev/shm' : tmpdir(), 'wasiexec-'))
const stdout = openSync(join(folder, 'stdout'), 'w+')
rmSync(folder, { recursive: true })
const buffer = Buffer.alloc(1 << 20)
let position = 0

export default function run() {
  const wasi = new WASI({ version: 'preview1', args: ['guest', ...args], stdout })
  const instance = new WebAssembly.Instance(module, wasi.getImportObject())
  const code = wasi.start(instance)
  const printed = readSync(stdout, buffer, 0, buffer.length, position)
  position += printed
  return { code, stdout: buffer.toString('utf8', 0, printed) }
}
