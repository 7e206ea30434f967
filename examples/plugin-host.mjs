// Plugins that take and return text, with two versions of what the host gives them. A plugin that fails is replaced by
// the version before, and the others go on; a new version takes the place of an old one between two calls.
import { setTimeout } from 'node:timers/promises'
import { inspect } from 'node:util'
import { guest } from '../guests/unpack.mjs'
import { Plugin } from './filters/plugin.mjs'

const rows = new Map([[7, 'row seven']])

/** Plugins of both versions get all of it; each version has a module of its own. */
const imports = {
  'host-1': {
    log: (pointer, length, { memory }) => log('log', memory.readString(pointer, length)),
    // The plugin waits without holding a thread.
    fetchRow: async (id, pointer, length, { memory }) => {
      await setTimeout(1)
      const bytes = Buffer.from(rows.get(id) ?? '')
      if (bytes.length === 0 || bytes.length > length) return -1
      memory.write(pointer, bytes)
      return bytes.length
    },
  },
  'host-2': {
    log: (level, pointer, length, { memory }) =>
      log(`log, level ${level}`, memory.readString(pointer, length)),
  },
}

/** A terminal would obey some characters of a plugin, so these are escaped. */
function log(what, text) {
  console.log(`${what}: ${inspect(text)}`)
}

const at = (file) => new URL(`filters/${file}`, import.meta.url)

const [shout, echo] = [new Plugin(imports), new Plugin(imports)]
await shout.install(await guest('plugin'), 'shout 1') // made of guests/src/rust/plugin.rs
await echo.install(at('echo-2.wat'), 'echo')
console.log(await shout.transform('grüße'), '/', await echo.transform('grüße'))
console.log('visits:', await shout.visit(), await shout.visit())

// The call that is made before gets the old version.
const [before] = await Promise.all([
  shout.transform('before'),
  shout.install(at('endless.wat'), 'shout 2'),
])
console.log(before)
for (const text of ['one', 'two', 'three']) {
  console.log(await shout.transform(text), '/', await echo.transform(text))
}
console.log('visits:', await shout.visit())

await shout
  .install(Buffer.from('(module (func (export "_start")))'), 'shout 3')
  .catch((error) => console.log(error.message))

const start = performance.now()
for (let index = 0; index < 1000; index += 1) await shout.visit()
console.error(`${Math.round(1e6 / (performance.now() - start))} calls a second`)
await Promise.all([shout.close(), echo.close()])
