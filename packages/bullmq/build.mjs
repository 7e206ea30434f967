// Bundles src/ into dist/: the library as CommonJS with an ESM wrapper over it, so that there is one copy, and the command.
// Rolls the types up into index.d.ts. What the package depends on stays outside.
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { format, resolveConfig } from 'prettier'
import { rolldown } from 'rolldown'
import { dts } from 'rolldown-plugin-dts'

const at = (path) => fileURLToPath(new URL(path, import.meta.url))
const external = /^(?:node:|(?:wasiexec|bullmq|ioredis|aws4fetch|@msgpack\/msgpack)$)/
const shared = {
  external,
  platform: 'node',
  tsconfig: at('tsconfig.json'),
  transform: { target: 'node20.19' },
}

async function bundle() {
  const build = await rolldown({ ...shared, input: at('src/index.ts') })
  const { output } = await build.write({
    file: at('dist/index.cjs'),
    format: 'cjs',
    comments: { jsdoc: false },
    exports: 'named',
  })
  await build.close()
  return output[0].exports.toSorted()
}

/** The command imports the library as its users do. */
async function bundleCommand() {
  const library = {
    name: 'library',
    resolveId: (id, importer) =>
      importer !== undefined && resolve(importer, '..', id) === at('src/index.ts')
        ? { id: './index.mjs', external: true }
        : null,
  }
  const build = await rolldown({ ...shared, input: at('src/command.ts'), plugins: [library] })
  await build.write({ file: at('dist/command.mjs'), format: 'esm', comments: { jsdoc: false } })
  await build.close()
}

/** Every declaration that the API needs, with its comments. */
async function rollUpTypes(input) {
  const plugins = [dts({ emitDtsOnly: true, oxc: { stripInternal: true }, tsconfig: false })]
  const build = await rolldown({ input: at(input), external, plugins })
  const { output } = await build.generate()
  await build.close()
  const config = await resolveConfig(at('index.d.ts'))
  return (text) => format(`${text}${output[0].code}`, { ...config, parser: 'typescript' })
}

const HEAD =
  '// The public contract of @wasiexec/bullmq, rolled up from src/ by `npm run build:ts`. Do not edit.\n/// <reference types="node" />\n'

export async function buildQueuePackage() {
  await rm(at('dist'), { recursive: true, force: true })
  await mkdir(at('dist'), { recursive: true })
  const [names, types, command] = await Promise.all([
    bundle(),
    rollUpTypes('src/index.ts').then((roll) => roll(HEAD)),
    rollUpTypes('src/command.ts').then((roll) => roll('')),
    bundleCommand(),
  ])
  const wrapper = `import queue from './index.cjs'\n\nexport const { ${names.join(', ')} } = queue\n`
  await Promise.all([
    writeFile(at('dist/index.mjs'), wrapper),
    writeFile(at('index.d.ts'), types),
    writeFile(at('dist/index.d.cts'), types),
    // A re-export, not a second copy: a class is one type to ESM and CommonJS callers alike.
    writeFile(at('dist/index.d.mts'), `export * from './index.cjs'\n`),
    writeFile(at('dist/command.d.mts'), command),
  ])
}
