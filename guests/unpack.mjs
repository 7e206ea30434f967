// The real guests, unpacked on demand: `await guest('go')` returns the path of .unpacked/go.wasm.
// As a script it unpacks all of them: node guests/unpack.mjs
import { createHash, randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { brotliDecompress } from 'node:zlib'

const decompress = promisify(brotliDecompress)
const at = (path) => fileURLToPath(new URL(path, import.meta.url))
const list = JSON.parse(await readFile(at('bin/guests.json'), 'utf8'))
const pending = new Map()

/** The names that `guest` knows. */
export const guests = Object.freeze(Object.keys(list))

/**
 * The path of a guest's unpacked `.wasm`. Unpacks it when it is not there yet, or not as it should be.
 * @param {string} name one of `guests`
 * @returns {Promise<string>}
 */
export function guest(name) {
  if (!Object.hasOwn(list, name)) {
    return Promise.reject(new Error(`no guest "${name}"; there are ${guests.join(', ')}`))
  }
  let path = pending.get(name)
  if (path === undefined) {
    path = unpack(name)
    pending.set(name, path)
    path.catch(() => pending.delete(name))
  }
  return path
}

async function unpack(name) {
  const archive = at(`bin/${name}.wasm.br`)
  const path = at(`.unpacked/${name}.wasm`)
  const { bytes, sha256 } = list[name]
  const [packed, unpacked] = await Promise.all([stat(archive), stat(path).catch(() => undefined)])
  if (unpacked?.size === bytes && unpacked.mtimeMs >= packed.mtimeMs) return path

  const content = await decompress(await readFile(archive))
  if (content.length !== bytes || createHash('sha256').update(content).digest('hex') !== sha256) {
    throw new Error(`${archive} is not the guest that bin/guests.json tells of`)
  }
  await mkdir(at('.unpacked'), { recursive: true })
  // Several processes may do this at once: each writes a file of its own, and the last rename wins.
  const temporary = `${path}.${process.pid}.${randomUUID()}`
  try {
    await writeFile(temporary, content, { flag: 'wx' })
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    // Windows does not replace a file that another process reads; it is right then.
    if ((await stat(path).catch(() => undefined))?.size !== bytes) throw error
  }
  return path
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const name of guests) console.log(await guest(name))
}
