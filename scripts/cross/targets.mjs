// The platforms that have a package, and how each is built from Linux.

/**
 * @typedef {object} Target
 * @property {string} name what a command line calls it
 * @property {string} platform its folder in npm/
 * @property {string} triple what is shipped
 * @property {string} [built] what is built here, where it is another
 * @property {Record<string, string>} [env] for the build
 */

/** @type {Target[]} */
export const TARGETS = [
  {
    name: 'gnu-x64',
    platform: 'linux-x64-gnu',
    triple: 'x86_64-unknown-linux-gnu',
    built: 'x86_64-unknown-linux-gnu.2.17',
  },
  {
    name: 'gnu-arm64',
    platform: 'linux-arm64-gnu',
    triple: 'aarch64-unknown-linux-gnu',
    built: 'aarch64-unknown-linux-gnu.2.17',
  },
  {
    name: 'musl-x64',
    platform: 'linux-x64-musl',
    triple: 'x86_64-unknown-linux-musl',
    env: { RUSTFLAGS: '-C target-feature=-crt-static' },
  },
  {
    name: 'musl-arm64',
    platform: 'linux-arm64-musl',
    triple: 'aarch64-unknown-linux-musl',
    env: { RUSTFLAGS: '-C target-feature=-crt-static' },
  },
  // Links without Apple's SDK: a proof that it does, not a file to ship.
  {
    name: 'macos-x64',
    platform: 'darwin-x64',
    triple: 'x86_64-apple-darwin',
    env: { MACOSX_DEPLOYMENT_TARGET: '12.0' },
  },
  {
    name: 'macos-arm64',
    platform: 'darwin-arm64',
    triple: 'aarch64-apple-darwin',
    env: { MACOSX_DEPLOYMENT_TARGET: '12.0' },
  },
  // Microsoft's libraries are not to be had here. A build for MinGW runs the same code: for tests, not to ship.
  {
    name: 'windows-x64',
    platform: 'win32-x64-msvc',
    triple: 'x86_64-pc-windows-msvc',
    built: 'x86_64-pc-windows-gnu',
  },
  {
    name: 'windows-arm64',
    platform: 'win32-arm64-msvc',
    triple: 'aarch64-pc-windows-msvc',
    built: 'aarch64-pc-windows-gnullvm',
  },
]

/** The target that a command line names. */
export function findTarget(name) {
  const target = TARGETS.find((target) => target.name === name)
  if (target !== undefined) return target
  const names = TARGETS.map((target) => target.name).join(', ')
  throw new Error(`expected one of ${names}, got ${name ?? 'nothing'}`)
}
