// Bundles src/ into dist/index.cjs, writes the ESM wrapper over it, bundles the command into dist/cli/, and rolls
// the types up into index.d.ts.
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { format, resolveConfig } from 'prettier'
import { rolldown } from 'rolldown'
import { parseAst } from 'rolldown/parseAst'
import { dts } from 'rolldown-plugin-dts'
import { notices } from './notices.mjs'
import { buildQueuePackage } from '../packages/bullmq/build.mjs'
import { bundlePage } from './page.mjs'

const input = './src/index.ts'
const external = /^node:/
// The binding stays where it is: src/ and dist/ share it.
const binding = '../src/port/binding.cjs'
const shared = {
  name: 'binding',
  resolveId: (id) => (id.endsWith('/binding.cjs') ? { id: binding, external: true } : null),
}

/**
 * The types have the API's comments; in the bundles they would be a seventh of the package. Notes on what has no effects
 * are for bundlers, which leave the package out.
 */
const comments = { jsdoc: false, annotation: false }

/** Less of it takes 15 kB off the package. Functions keep their names, for stack traces. */
const SHORT = {
  compress: false,
  mangle: { keepNames: { function: true, class: true } },
  codegen: { removeWhitespace: true },
}

/** Begins a line with each statement and each method: Node shows the line that an error nobody handles came from. */
function withLines(code) {
  const starts = parseAst(code).body.flatMap((statement) => {
    const declared = statement.declarations?.map(({ init }) => init) ?? []
    const assigned = [statement, statement.expression?.right, ...declared]
    const members = assigned.flatMap((node) =>
      node?.type.startsWith('Class') ? node.body.body : [],
    )
    return [statement, ...members].map(({ start }) => start)
  })
  return [0, ...starts]
    .map((start, index) => code.slice(start, starts[index]))
    .filter((line) => line !== '')
    .join('\n')
}

/** One CommonJS file: the only copy of the code and of its state. */
async function bundle() {
  const build = await rolldown({
    input,
    external,
    plugins: [shared],
    platform: 'node',
    tsconfig: true,
    transform: { target: 'node20.19' },
  })
  const { output } = await build.generate({
    file: 'dist/index.cjs',
    format: 'cjs',
    comments,
    minify: SHORT,
    exports: 'named',
  })
  await build.close()
  const [{ code, exports, imports }] = output
  if (!imports.includes(binding))
    throw new Error('src/port/native.ts must import ./binding.cjs statically')
  await mkdir('dist', { recursive: true })
  await writeFile('dist/index.cjs', withLines(code))
  return exports.toSorted()
}

/** The library as the command imports it: the built file, so that there is one copy. */
const library = {
  name: 'library',
  resolveId: (id, importer) =>
    importer !== undefined && resolve(importer, '..', id) === resolve(input)
      ? { id: '../index.mjs', external: true }
      : null,
}

/** The command. What a verb needs is loaded when the verb is called. */
async function bundleCommand() {
  const build = await rolldown({
    input: './cli/main.ts',
    external,
    plugins: [library],
    platform: 'node',
    tsconfig: true,
    transform: { target: 'node20.19' },
  })
  const { output } = await build.write({
    // All chunks in one folder, so that the path to the library is the same for all.
    dir: 'dist/cli',
    format: 'esm',
    comments,
    // Most of it is packages, which nobody reads here.
    minify: true,
    entryFileNames: '[name].mjs',
    chunkFileNames: '[name].mjs',
  })
  await build.close()
  const page = await bundlePage('dist/cli')
  await writeFile('dist/cli/THIRD-PARTY-NOTICES.txt', await notices([...output, ...page]))
}

/** `index.d.ts`: every declaration that the API needs, with its comments; a list at the end says which are exported. */
async function rollUpTypes() {
  const build = await rolldown({
    input,
    external,
    plugins: [shared, dts({ emitDtsOnly: true, oxc: { stripInternal: true }, tsconfig: false })],
  })
  const { output } = await build.generate()
  await build.close()
  const [{ code }] = output
  if (code.includes('/binding.cjs'))
    throw new Error('index.d.ts: a public type names a type of the binding; give it one of src/')
  const types = `// The public contract of wasiexec, rolled up from src/ by \`npm run build:ts\`. Do not edit.
/// <reference types="node" />
${code}`
  return format(types, { ...(await resolveConfig('index.d.ts')), parser: 'typescript' })
}

await rm('dist/cli', { recursive: true, force: true })
await mkdir('dist', { recursive: true })
const [names, types] = await Promise.all([bundle(), rollUpTypes(), bundleCommand()])
const wrapper = `import wasiexec from './index.cjs'\n\nexport const { ${names.join(', ')} } = wasiexec\n`
await Promise.all([
  writeFile('dist/index.mjs', wrapper),
  writeFile('index.d.ts', types),
  writeFile('dist/index.d.cts', types),
  // A re-export, not a second copy: a class is one type to ESM and CommonJS callers alike.
  writeFile('dist/index.d.mts', `export * from './index.cjs'\n`),
])
await buildQueuePackage()
