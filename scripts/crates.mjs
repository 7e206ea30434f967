// The crates of the workspace, from `cargo metadata`.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/**
 * @typedef {{ id: string, name: string, version: string, license: string | null, source: string | null,
 *   repository: string | null, manifest_path: string, targets: { kind: string[] }[] }} Crate
 */

/** What `cargo metadata` says for all platforms that have a package. */
function metadata() {
  const { napi } = JSON.parse(readFileSync('package.json', 'utf8'))
  const platforms = napi.targets.flatMap((target) => ['--filter-platform', target])
  const { status, stdout, stderr } = spawnSync(
    'cargo',
    ['metadata', '--format-version', '1', '--locked', ...platforms],
    { encoding: 'utf8', maxBuffer: 1 << 28 },
  )
  if (status !== 0) throw new Error(`cargo metadata failed: ${stderr}`)
  return JSON.parse(stdout)
}

/**
 * The crates that a crate of the workspace needs on any platform, by name and version.
 * @param {{ linked: boolean }} options `linked`: only those whose code ends up in the binary: not those that
 * build scripts, macros, tests and benches use
 * @returns {Crate[]}
 */
export function crates({ linked }) {
  const { packages, resolve, workspace_members } = metadata()
  const byId = new Map(packages.map((crate) => [crate.id, crate]))
  const nodes = new Map(resolve.nodes.map((node) => [node.id, node]))
  const isMacro = (id) => byId.get(id).targets.some(({ kind }) => kind.includes('proc-macro'))
  const found = new Set()
  const visit = (id) => {
    if (found.has(id) || (linked && isMacro(id))) return
    found.add(id)
    for (const { pkg, dep_kinds } of nodes.get(id).deps) {
      if (!linked || dep_kinds.some(({ kind }) => kind === null)) visit(pkg)
    }
  }
  workspace_members.forEach(visit)
  return packages
    .filter(({ id }) => found.has(id) && !workspace_members.includes(id))
    .toSorted((a, b) => compare(a.name, b.name) || compare(a.version, b.version))
}

/** By code unit: the same order on every machine. */
const compare = (a, b) => (a < b ? -1 : Number(a > b))
