// `wasi-process.mjs PROGRAM ARGUMENTS…` runs a program by node:wasi, with the stdin and stdout of this process.
import { readFileSync } from 'node:fs'
import { WASI } from 'node:wasi'

const wasi = new WASI({ version: 'preview1', args: ['program', ...process.argv.slice(3)] })
const module = new WebAssembly.Module(readFileSync(process.argv[2]))
wasi.start(new WebAssembly.Instance(module, wasi.getImportObject()))
