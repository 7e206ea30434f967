// Rehearses a release: packs all packages, publishes them to a registry on this machine, and installs them from it as
// users would. With `--release` every platform needs its binary. Prints a table; fails when a row of it does.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { companions, platforms } from './packages.mjs'
import { clients } from './rehearse/clients.mjs'
import { machine } from './rehearse/machine.mjs'
import { installedPlatforms, makeProject } from './rehearse/projects.mjs'
import { startRegistry } from './rehearse/registry.mjs'
import { check, conclude, skip } from './rehearse/report.mjs'
import { checkSize } from './rehearse/sizes.mjs'
import { installTools } from './rehearse/tools.mjs'
import { binaryOf, here, stage } from './stage.mjs'

if (binaryOf(here) === undefined)
  throw new Error(`expected a binary for ${here}, this machine, got none; run \`npm run build\``)

const isRelease = process.argv.includes('--release')
for (const option of process.argv.slice(2))
  if (option !== '--release') throw new Error(`expected no option but --release, got ${option}`)
const root = fileURLToPath(new URL('../..', import.meta.url))
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const work = mkdtempSync(join(tmpdir(), 'wasiexec-rehearsal-'))

const folder = (...path) => {
  const made = join(work, ...path)
  mkdirSync(made, { recursive: true })
  return made
}
const run = machine(folder('home'))
const staged = folder('stage')
const tools = installTools(join(tmpdir(), 'wasiexec-rehearsal-tools'))

/** An empty project with the settings of a package manager. */
function project(name, files) {
  const path = join(work, 'projects', name.replaceAll(/\W+/g, '-'))
  makeProject(path, files)
  return path
}

/** The options of npm that make it install for a platform. */
function optionsFor(platform) {
  const [os, cpu, abi] = platform.split('-')
  const libc = { gnu: ['--libc=glibc'], musl: ['--libc=musl'] }[abi] ?? []
  return [`--os=${os}`, `--cpu=${cpu}`, ...libc]
}

async function checkPackages() {
  const build = (platform) => (isRelease ? 'release' : platform === here ? 'plain' : 'test')
  const size = async (path) => {
    const { stdout } = await run([...tools.npm, 'pack', '--dry-run', '--json', path], work)
    return JSON.parse(stdout)[0].size
  }
  await check('size: wasiexec', async () => checkSize('root', await size(staged), 'release'))
  for (const platform of platforms) {
    const name = `size: ${platform}`
    if (binaryOf(platform) === undefined)
      skip(name, 'a stub: no binary was built for this platform')
    else
      await check(name, async () =>
        checkSize('platform', await size(join(staged, 'npm', platform)), build(platform)),
      )
  }
  for (const path of companions)
    await check(`size: ${path}`, async () =>
      checkSize('companion', await size(join(staged, path)), 'release'),
    )
  for (const path of ['.', ...companions]) {
    await check(`publint: ${path}`, async () => {
      const cli = join(root, 'node_modules/publint/src/cli.js')
      await run([process.execPath, cli, '--strict', join(staged, path)], work)
    })
    await check(`attw: ${path}`, async () => {
      const cli = join(root, 'node_modules/@arethetypeswrong/cli/dist/index.js')
      const tarball = join(work, await packed(join(staged, path)))
      // What a command exports is only imported.
      const rest = path === '.' ? [] : ['--exclude-entrypoints', 'command']
      await run([process.execPath, cli, tarball, ...rest], work)
    })
  }
}

/** Packs a folder into the folder of this rehearsal; returns the name of the file. */
async function packed(path) {
  const { stdout } = await run([...tools.npm, 'pack', '--json', path], work)
  return JSON.parse(stdout)[0].filename
}

/** The packages that are built on the package, as a user of npm installs them. Their dependencies are in npm's registry. */
async function checkCompanions(url) {
  for (const path of companions) {
    await check(`${path}: install, ESM, CommonJS, command`, async () => {
      const { name, bin } = JSON.parse(readFileSync(join(staged, path, 'package.json'), 'utf8'))
      const folder = project(path, { '.npmrc': `@wasiexec:registry=${url}\n` })
      const tarball = join(work, await packed(staged))
      await run([...tools.npm, 'install', tarball, name, '--no-audit', '--no-fund'], folder)
      const show = `console.log(Object.keys(queue).join(' '))`
      const esm = `import * as queue from '${name}'; ${show}`
      const said = [
        await run([process.execPath, '--input-type=module', '--eval', esm], folder),
        await run(
          [process.execPath, '--eval', `const queue = require('${name}'); ${show}`],
          folder,
        ),
      ].map(({ stdout }) => stdout.trim())
      if (said[0] !== said[1] || said[0] === '')
        throw new Error(`expected the same exports twice, got ${said.join(' and ')}`)
      const exec = [...tools.npm, 'exec', '--offline', '--']
      for (const command of [['wasiexec', 'worker'], Object.keys(bin)]) {
        const { stdout } = await run([...exec, ...command, '--version'], folder)
        if (stdout.trim() !== `${name} ${version}`)
          throw new Error(`expected ${command.join(' ')} to say its version, got ${stdout}`)
      }
      return said[0]
    })
  }
}

async function publish(url) {
  const npmrc = join(work, 'npmrc')
  writeFileSync(npmrc, `registry=${url}\n${url.slice('http:'.length)}:_authToken=rehearsal\n`)
  const script = [process.execPath, join(root, 'scripts/release/publish.mjs'), staged]
  const settings = { NPM_CONFIG_USERCONFIG: npmrc }
  await check('publish', async () => {
    const { stdout } = await run(script, work, settings)
    return `${stdout.match(/: published$/gm).length} packages`
  })
  await check('publish once more', async () => {
    const { stdout } = await run(script, work, settings)
    return `${stdout.match(/: published before$/gm).length} packages left out`
  })
}

/** What npm prints of its own when it installs: only the time and the number of packages are not fixed. */
const NPM_SAYS = /^\s*added 2 packages in \S+\s*$/

async function checkClient({ name, files, install, node, command }, url) {
  const path = project(name, files(url))
  const isInstalled = await check(`${name}: install`, async () => {
    const started = performance.now()
    const { stdout, stderr } = await run(install, path)
    const seconds = ((performance.now() - started) / 1000).toFixed(1)
    const said = `${stdout}${stderr}`
    if (name === 'npm' && !NPM_SAYS.test(said))
      throw new Error(`expected npm to print nothing but its totals, got ${said}`)
    const found = installedPlatforms(path)
    // Yarn 1 does not know `libc`, and installs both.
    if (!found.includes(here) || (found.length > 1 && name !== 'yarn 1'))
      throw new Error(`expected the package of ${here}, got ${found.join(', ') || 'none'}`)
    return `${seconds} s; ${found.join(', ')}`
  })
  if (!isInstalled) return
  for (const [kind, file] of [
    ['ESM', 'consumer.mjs'],
    ['CommonJS', 'consumer.cjs'],
  ]) {
    await check(`${name}: ${kind}`, async () =>
      (await run([...node, file], path, { WITH_PROCESSES: 'yes' })).stdout.trim(),
    )
  }
  await check(`${name}: command`, () => checkCommand(command, path))
}

async function checkCommand(command, path) {
  const { stdout } = await run([...command, 'run', 'hello.wat'], path)
  if (stdout !== 'hello\n') throw new Error(`expected "hello", got ${JSON.stringify(stdout)}`)
}

async function checkRuntimes(url) {
  const { bun, deno, npm } = tools
  const path = project('runtimes', { '.npmrc': `registry=${url}\n` })
  await run([...npm, 'install', 'wasiexec', '--no-audit', '--no-fund'], path)
  const main = 'node_modules/wasiexec/bin/wasiexec.mjs'
  const runtimes = [
    // Bun starts worker processes as Node does; Deno has no way to.
    ['Bun', bun, [], 'yes'],
    ['Deno', deno, ['run', '-A', '--node-modules-dir=manual'], 'no'],
  ]
  for (const [name, program, flags, WITH_PROCESSES] of runtimes) {
    if (program === undefined) {
      skip(`on ${name}`, 'it has no binary for this system in the registry')
      continue
    }
    for (const file of ['consumer.mjs', 'consumer.cjs']) {
      await check(`on ${name}: ${file}`, async () =>
        (await run([...program, ...flags, file], path, { WITH_PROCESSES })).stdout.trim(),
      )
    }
    await check(`on ${name}: command`, () => checkCommand([...program, ...flags, main], path))
  }
}

async function checkPlatforms(url) {
  for (const platform of [...platforms, 'freebsd-x64']) {
    const expected = platforms.includes(platform) ? platform : ''
    await check(`npm on ${platform}`, async () => {
      const path = project(`on ${platform}`, { '.npmrc': `registry=${url}\n` })
      await run([...tools.npm, 'install', 'wasiexec', ...optionsFor(platform)], path)
      const found = installedPlatforms(path).join(', ')
      if (found !== expected) throw new Error(`expected ${expected || 'no package'}, got ${found}`)
      return found || 'no package'
    })
  }
}

/** A system without a package: the error must name it. */
async function checkMissing(url) {
  await check('npm --omit=optional: the error', async () => {
    const path = project('omitted', { '.npmrc': `registry=${url}\n` })
    await run([...tools.npm, 'install', 'wasiexec', '--omit=optional'], path)
    const error = await run([process.execPath, 'consumer.cjs'], path).catch(
      ({ message }) => message,
    )
    const name = `@wasiexec/binding-${here}`
    if (!String(error).includes(name)) throw new Error(`expected it to name ${name}, got ${error}`)
  })
}

try {
  stage(staged, { stubs: !isRelease })
  console.log(`wasiexec ${version}, on ${here}, Node ${process.version}\n`)
  await checkPackages()
  const registry = await startRegistry(tools.verdaccio, folder('registry'))
  try {
    await publish(registry.url)
    for (const client of clients(tools)) await checkClient(client, registry.url)
    await checkRuntimes(registry.url)
    await checkPlatforms(registry.url)
    await checkMissing(registry.url)
    await checkCompanions(registry.url)
  } finally {
    registry.stop()
  }
} finally {
  rmSync(work, { recursive: true, force: true })
}
process.exitCode = conclude() ? 0 : 1
