// Gives everything the version that `npm version` gave package.json, and the newest changes its day. `npm version` runs it
// before it commits.
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { newestChanges } from './changelog.mjs'
import { writePlatformPackages } from './platform-packages.mjs'

const { version } = JSON.parse(readFileSync('package.json', 'utf8'))

function rewrite(file, pattern, replacement) {
  const text = readFileSync(file, 'utf8')
  if (!pattern.test(text)) throw new Error(`${file}: expected ${pattern}, found nothing like it`)
  writeFileSync(file, text.replace(pattern, replacement))
}

function run(...[program, ...args]) {
  const { status } = spawnSync(program, args, { stdio: 'inherit' })
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}`)
}

const changes = newestChanges('.')
if (changes?.version !== version && changes?.date !== 'unreleased')
  throw new Error(
    `CHANGELOG.md: expected to begin with unreleased changes, got ${changes?.version}`,
  )
const day = new Date().toISOString().slice(0, 10)
rewrite('CHANGELOG.md', /^## \S+ \([^)]+\)$/m, `## ${version} (${day})`)
writePlatformPackages(process.cwd())
rewrite('Cargo.toml', /^version = ".*"$/m, `version = "${version}"`)
rewrite('Cargo.lock', /(?<=^name = "wasiexec"\nversion = ").*(?="$)/m, version)
// The loader is generated, with the version in it.
rewrite(
  'src/native/index.cjs',
  /(?<=bindingPackageVersion !== ')[^']+|(?<=version mismatch, expected )\S+/g,
  version,
)
const companions = readdirSync('packages').map((name) => `packages/${name}/package.json`)
for (const file of companions) {
  rewrite(file, /(?<=^  "version": ").*(?=")/m, version)
  rewrite(file, /(?<=^  "peerDependencies": \{\n    "wasiexec": "\^).*(?=")/m, version)
}
// It has their versions, too.
run(
  'npm',
  'install',
  '--package-lock-only',
  '--ignore-scripts',
  '--no-audit',
  '--no-fund',
  '--offline',
)
const lists = [
  'CHANGELOG.md',
  'npm',
  'Cargo.toml',
  'Cargo.lock',
  'src/native/index.cjs',
  'package-lock.json',
]
run('git', 'add', ...lists, ...companions)
