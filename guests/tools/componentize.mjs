// Makes a component of JavaScript: node componentize.mjs ENGINE SOURCE WIT WORLD OUTPUT
// componentize-js uses @bytecodealliance/preview2-shim and does not name it: package.json does, because 0.26 cannot read
// a folder of WIT.
import { readFileSync, writeFileSync } from 'node:fs'

const [engine, source, witPath, world, output] = process.argv.slice(2)
const text = readFileSync(source, 'utf8')

/** One way for each engine; the two differ in how a function that the world itself imports is imported. */
const ENGINES = {
  async starlingmonkey() {
    const { componentize } = await import('@bytecodealliance/componentize-js')
    const worldName = world
    const disableFeatures = ['http', 'fetch-event']
    return componentize(`import log from 'log'\n${text}`, { witPath, worldName, disableFeatures })
  },
  async quickjs() {
    const { default: qjs } = await import('componentize-qjs')
    return qjs.componentize({ witPath, jsSource: text, world, sync: true })
  },
}

const { component } = await ENGINES[engine]()
writeFileSync(output, component)
