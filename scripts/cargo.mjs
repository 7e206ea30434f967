// Runs cargo with the environment of the last `napi build`; with another one, cargo would compile the crate again.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'

const folder = resolve(process.env.CARGO_TARGET_DIR ?? 'target', 'napi-rs')
const [latest] = (existsSync(folder) ? readdirSync(folder) : [])
  .map((name) => join(folder, name))
  .toSorted((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)
const env = latest ? { ...process.env, NAPI_TYPE_DEF_TMP_FOLDER: latest } : process.env

const { status, error } = spawnSync('cargo', process.argv.slice(2), { env, stdio: 'inherit' })
if (error) console.error(`cargo: ${error.message}`)
process.exitCode = status ?? 1
