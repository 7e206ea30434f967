// Gives everything the version that `npm version` gave package.json, and the newest changes its day. `npm version` runs it
// before it commits.
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
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
  /(?<=bindingPackageVersion !== ')[^']+|(?<=version mismatch, expected )[\d.]+/g,
  version,
)
run('git', 'add', 'CHANGELOG.md', 'npm', 'Cargo.toml', 'Cargo.lock', 'src/native/index.cjs')
