// What a release is made of: scripts/release/.
import { execFileSync } from 'node:child_process'
import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { findFaults } from '../../scripts/check-crates.mjs'
import * as versions from '../../scripts/release/check-version.mjs'
import { platforms } from '../../scripts/release/packages.mjs'
import { writePlatformPackages } from '../../scripts/release/platform-packages.mjs'
import { binaryOf, here, stage } from '../../scripts/release/stage.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (...path) => readFile(join(root, ...path), 'utf8')

async function temporary(t) {
  const path = await mkdtemp(join(tmpdir(), 'wasiexec-release-'))
  t.teardown(() => rm(path, { recursive: true, force: true }))
  return path
}

test('a platform package has its binary and the notices, in the one version, and asks for no Node', async (t) => {
  const { version } = JSON.parse(await read('package.json'))
  const folder = await temporary(t)
  await cp(join(root, 'package.json'), join(folder, 'package.json'))
  writePlatformPackages(folder)
  t.deepEqual(await readdir(join(folder, 'npm')), platforms)
  for (const platform of platforms) {
    const committed = await read('npm', platform, 'package.json')
    t.is(await readFile(join(folder, 'npm', platform, 'package.json'), 'utf8'), committed)
    const { engines, ...manifest } = JSON.parse(committed)
    const files = [`wasiexec.${platform}.node`, 'THIRD-PARTY-NOTICES.txt']
    t.like(manifest, { version, files })
    t.is(engines, undefined)
    t.regex(await read('npm', platform, 'README.md'), / binary for `wasiexec`$/m)
  }
})

test('without stubs a release needs the binary of each platform', async (t) => {
  const missing = platforms.filter((platform) => binaryOf(platform) === undefined)
  const folder = await temporary(t)
  const staging = () => stage(folder, { stubs: false })
  if (missing.length === 0) t.notThrows(staging)
  else t.throws(staging, { message: /^expected npm\/.*\.node, got no such file/ })
})

test('what publishes needs no package', async (t) => {
  const folder = await temporary(t)
  for (const path of ['npm', 'packages', 'scripts/release', 'package.json'])
    await cp(join(root, path), join(folder, path), { recursive: true })
  const publish = () =>
    execFileSync(process.execPath, ['scripts/release/publish.mjs'], { cwd: folder, stdio: 'pipe' })
  t.throws(publish, { message: /expected: publish\.mjs FOLDER/ })
})

const linux = process.platform === 'linux' ? test : test.skip
linux('the binary has no symbols but those that Node looks up', async (t) => {
  const SYMTAB = 2
  const elf = await readFile(binaryOf(here))
  const sections = Number(elf.readBigUInt64LE(0x28))
  const [size, count] = [elf.readUInt16LE(0x3a), elf.readUInt16LE(0x3c)]
  const types = Array.from({ length: count }, (_, n) => elf.readUInt32LE(sections + n * size + 4))
  t.true(types.length > 1)
  t.false(types.includes(SYMTAB))
})

test('the error for a missing binary knows all platforms', async (t) => {
  const code = await read('src/port/binding.cjs')
  const [, list] = /PLATFORMS = \[(.*?)\]/s.exec(code)
  t.deepEqual(list.match(/[\w-]+/g), platforms)
})

test('crates: a licence, a source, a duplicate and a stale exception are found', (t) => {
  const source = 'registry+https://github.com/rust-lang/crates.io-index'
  const crate = (name, version, more) => ({ name, version, license: 'MIT', source, ...more })
  const crates = [
    crate('good', '1.0.0', { license: 'Apache-2.0/MIT' }),
    crate('copyleft', '1.0.0', { license: 'GPL-3.0-only' }),
    crate('forked', '1.0.0', { source: 'git+https://example.com/forked' }),
    crate('twice', '1.0.0'),
    crate('twice', '2.0.0'),
    crate('skipped', '1.0.0'),
    crate('skipped', '2.0.0'),
  ]
  const skip = [{ crate: 'skipped@1.0.0' }, { crate: 'good@1.0.0' }]
  t.deepEqual(findFaults(crates, { licenses: { allow: ['MIT'] }, bans: { skip } }), [
    'copyleft 1.0.0: expected a licence that deny.toml allows, got GPL-3.0-only',
    'forked 1.0.0: expected a crate of the public registry, got git+https://example.com/forked',
    'twice: expected one version, got 1.0.0, 2.0.0; update, or add all but one to bans.skip of deny.toml',
    'deny.toml: bans.skip has good@1.0.0, which is not a duplicate; remove it',
  ])
})

test('Renovate knows which crates have to fit wasmtime', async (t) => {
  const { packageRules } = JSON.parse(await read('renovate.json'))
  const [group, leaving] = packageRules.map(({ matchPackageNames }) => matchPackageNames)
  t.deepEqual(group, leaving)
  const patterns = group.map((name) => new RegExp(`^${name.replace('*', '.+')}$`))
  const crates = (await read('crate/Cargo.toml')).match(/^(?:gimli|wa|wi[gt])[a-z-]*(?= = )/gm)
  t.true(crates.includes('wasmtime-wasi'))
  t.deepEqual(
    crates.filter((crate) => !patterns.some((pattern) => pattern.test(crate))),
    [],
  )
})

/** What has a version, in a repository of its own. */
async function checkout(t) {
  const folder = await temporary(t)
  const files = ['package.json', 'package-lock.json', 'Cargo.toml', 'Cargo.lock', 'CHANGELOG.md']
  const folders = ['npm', 'scripts/release', 'packages/bullmq/package.json', 'src/native/index.cjs']
  for (const path of [...files, ...folders])
    await cp(join(root, path), join(folder, path), { recursive: true })
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction')
  execFileSync('git', ['init', '--quiet'], { cwd: folder })
  return folder
}

test('`npm version` gives everything the version, and the changes their day', async (t) => {
  const folder = await checkout(t)
  const shell = process.platform === 'win32'
  execFileSync('npm', ['version', '9.8.7', '--no-git-tag-version'], { cwd: folder, shell })
  t.deepEqual(versions.findFaults(folder, 'v9.8.7'), [])
  t.deepEqual(versions.findFaults(folder, 'v9.8.6'), [
    'expected the tag v9.8.7, as in package.json, got v9.8.6',
  ])
})

test('a version for trying follows another one', async (t) => {
  const folder = await checkout(t)
  const shell = process.platform === 'win32'
  const path = join(folder, 'CHANGELOG.md')
  for (const version of ['9.8.7-rc.1', '9.8.7-rc.2', '9.8.7']) {
    await writeFile(path, '# Changes\n\n## 9.8.7 (unreleased)\n\n- Text.\n')
    execFileSync('npm', ['version', version, '--no-git-tag-version'], { cwd: folder, shell })
    t.deepEqual(versions.findFaults(folder, `v${version}`), [])
    const loader = await readFile(join(folder, 'src/native/index.cjs'), 'utf8')
    const expected = new Set(loader.match(/(?<=version mismatch, expected ).+?(?= but got)/g))
    t.deepEqual([...expected], [version])
  }
})

test('a version that is not everywhere is found, and changes without a day', async (t) => {
  const folder = await checkout(t)
  const { version } = JSON.parse(await read('package.json'))
  const path = join(folder, 'Cargo.toml')
  const cargo = await readFile(path, 'utf8')
  await writeFile(path, cargo.replace(`version = "${version}"`, 'version = "9.9.9"'))
  await writeFile(
    join(folder, 'CHANGELOG.md'),
    `# Changes\n\n## ${version} (unreleased)\n\n- Text.\n`,
  )
  const stale = `Cargo.toml: expected ${version}, as in package.json, got 9.9.9`
  t.deepEqual(versions.findFaults(folder), [stale])
  t.deepEqual(versions.findFaults(folder, `v${version}`), [
    stale,
    `CHANGELOG.md: expected a day such as 2026-01-31 after ${version}, got unreleased`,
  ])
})
