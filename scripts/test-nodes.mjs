// Runs the tests in each supported Node, and cargo test once: `npm run test:nodes`, or with versions after `--`.
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const VERSIONS = ['20', '22', '24']

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join(root, 'node_modules/.cache/nodes')
const [system, binary] =
  process.platform === 'win32' ? ['win', 'node.exe'] : [process.platform, 'bin/node']
const asked = process.argv.slice(2)
for (const version of asked) {
  if (!/^\d+(\.\d+){0,2}$/.test(version)) {
    console.error(`expected versions of Node, such as 22 or 24.9.0, got ${version}`)
    process.exit(2)
  }
}

/** The newest Node of a version in npm's registry. Its packages contain only the binary. */
function provide(version) {
  const name = `node-${system}-${process.arch}`
  const prefix = join(folder, version)
  mkdirSync(prefix, { recursive: true })
  // npm looks for a package.json upwards from here.
  const args = ['install', '--prefix', prefix, '--no-save', '--no-audit', '--no-fund']
  const shell = process.platform === 'win32'
  const { status } = spawnSync('npm', [...args, `${name}@${version}`], { stdio: 'inherit', shell })
  if (status !== 0) throw new Error(`npm could not install ${name}@${version}`)
  return join(prefix, 'node_modules', name, binary)
}

/** Runs the tests; returns the line of totals. */
function test(node, rest) {
  const PATH = [join(node, '..'), process.env.PATH].join(delimiter)
  const { stdout, status } = spawnSync(node, [join(root, 'scripts/test.mjs'), ...rest], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    maxBuffer: 1 << 30,
    env: { ...process.env, PATH },
  })
  const lines = stdout.trimEnd().split('\n')
  const last = /^(\d+) passed, (\d+) failed$/.exec(lines.at(-1))
  if (status !== 0 || last === null) console.log(stdout)
  const [passed, failed] = last === null ? [0, 1] : [Number(last[1]), Number(last[2])]
  return { passed, failed: status !== 0 && failed === 0 ? 1 : failed }
}

const versions = asked.length > 0 ? asked : VERSIONS
const results = versions.map((version, index) => {
  const node = provide(version)
  const said = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim()
  console.log(`== Node ${said}`)
  const totals = test(node, index === 0 ? [] : ['--no-cargo'])
  console.log(`${totals.passed} passed, ${totals.failed} failed`)
  return [said, totals]
})

console.log('== All')
const sum = { passed: 0, failed: 0 }
for (const [said, { passed, failed }] of results) {
  console.log(`Node ${said}: ${passed} passed, ${failed} failed`)
  sum.passed += passed
  sum.failed += failed
}
console.log(`${sum.passed} passed, ${sum.failed} failed`)
process.exitCode = sum.failed === 0 ? 0 : 1
