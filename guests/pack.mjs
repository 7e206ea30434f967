// Packs a guest into bin/: node pack.mjs NAME file.wasm. Brotli at its highest quality, with the widest standard
// window (16 MiB, more than the largest guest), and the guest's size and digest into bin/guests.json.
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { brotliCompressSync, constants } from 'node:zlib'

const [name, file] = process.argv.slice(2)
if (!/^[a-z0-9-]+$/.test(name ?? '') || !file) {
  console.error('usage: node pack.mjs NAME file.wasm')
  process.exit(64)
}
const bytes = readFileSync(file)
const packed = brotliCompressSync(bytes, {
  params: {
    [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
    [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
    [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
  },
})
writeFileSync(new URL(`bin/${name}.wasm.br`, import.meta.url), packed)

const list = new URL('bin/guests.json', import.meta.url)
let guests = {}
try {
  guests = JSON.parse(readFileSync(list, 'utf8'))
} catch (error) {
  if (error.code !== 'ENOENT') throw error
}
guests[name] = { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
const sorted = Object.fromEntries(Object.entries(guests).sort(([a], [b]) => (a < b ? -1 : 1)))
writeFileSync(list, JSON.stringify(sorted, null, 2) + '\n')
console.log(`${name}: ${bytes.length} bytes, packed ${packed.length}`)
