// What a build for another platform takes: the standard library's source, and a C compiler and linker for all platforms.
import { chmodSync, cpSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { unpackDebian } from './debian.mjs'
import { CACHE, ROOT, once, read, run, unpackWheels } from './shell.mjs'

const ZIG = ['ziglang==0.17.1', 'cargo-zigbuild==0.24.0']

/** A copy, by hard links, of this machine's Rust with the source of its standard library, which Debian has. */
function rust() {
  const version = read('rustc', ['--version'], { cwd: ROOT }).split(' ')[1]
  const installed = realpathSync(read('rustc', ['--print', 'sysroot'], { cwd: ROOT }))
  return once(`rust-${version}`, (folder) => {
    const unpacked = join(folder, 'unpacked')
    unpackDebian(unpacked, {
      suite: 'trixie-backports',
      architecture: 'amd64',
      packages: [`rust-src=${version}*`],
      alone: true,
    })
    const sysroot = join(folder, 'sysroot')
    run('cp', ['-a', '--link', installed, sysroot])
    const source = join(sysroot, 'lib/rustlib/src/rust')
    mkdirSync(source, { recursive: true })
    cpSync(join(unpacked, `usr/src/rustc-${version}/library`), join(source, 'library'), {
      recursive: true,
    })
  })
}

/** zig and cargo-zigbuild. */
function zig() {
  return once('zig', (folder) => unpackWheels(folder, ...ZIG))
}

/** What a linker for Windows is told Node's symbols are in; they are found in node.exe when the addon is loaded. */
function emptyLibraries() {
  return once('libnode', (folder) => {
    for (const name of ['libnode.a', 'libnode.dll', 'libnode.dll.a'])
      writeFileSync(join(folder, name), '!<arch>\n')
  })
}

/** A C compiler, an assembler and an archiver that write empty files, for checks of Rust code alone. */
function mockCompiler() {
  return once('mock-cc', (folder) => {
    const script = `#!/bin/sh
# Touches what it was to write.
while [ $# -gt 0 ]; do
  case $1 in
    -o) shift; : > "$1" ;;
    -Fo* | /Fo*) : > "\${1#?Fo}" ;;
    -out:* | /out:* | /OUT:*) : > "\${1#?????}" ;;
    *.a | *.lib) : > "$1" ;;
  esac
  shift
done
`
    // Not `cc`, which links build scripts.
    for (const name of ['mock-cc', 'mock-ar', 'ml64.exe', 'armasm64.exe']) {
      writeFileSync(join(folder, name), script)
      chmodSync(join(folder, name), 0o755)
    }
  })
}

/** The environment of a cargo that builds for any platform. */
export function buildEnvironment() {
  const sysroot = join(rust(), 'sysroot')
  const tools = zig()
  return {
    // Beside other work; the variable may ask for more.
    CARGO_BUILD_JOBS: '1',
    ...process.env,
    PATH: [join(sysroot, 'bin'), join(tools, 'bin'), process.env.PATH].join(delimiter),
    // Of the copy, for rust-objcopy.
    LD_LIBRARY_PATH: join(sysroot, 'lib'),
    CARGO_ZIGBUILD_ZIG_PATH: join(tools, 'ziglang/zig'),
    CARGO_TARGET_DIR: join(CACHE, 'target'),
    LIBNODE_PATH: emptyLibraries(),
    // For -Zbuild-std.
    RUSTC_BOOTSTRAP: '1',
  }
}

/** The environment of a cargo that checks Rust code for any platform, and compiles no C. */
export function checkEnvironment(triple) {
  const mock = mockCompiler()
  const key = triple.replaceAll('-', '_')
  const environment = buildEnvironment()
  return {
    ...environment,
    PATH: [mock, environment.PATH].join(delimiter),
    [`CC_${key}`]: join(mock, 'mock-cc'),
    [`AR_${key}`]: join(mock, 'mock-ar'),
  }
}
