// Puts what a release publishes into a folder: the package at its top, the platform packages in npm/, the others in packages/. As a script:
// stage.mjs FOLDER [--stubs], where `--stubs` puts a text in the place of a binary that is not there.
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { minifySync } from 'rolldown/experimental'
import { companions, platforms } from './packages.mjs'
import { NOTICES } from './platform-packages.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** What package.json says to those who work on the package, and to nobody else. */
const OURS = ['scripts', 'workspaces', 'devDependencies', 'overrides', 'ava', 'napi']

/** What napi-rs writes, with long names and comments. */
const LOADER = 'src/native/index.cjs'

/** This machine's platform. */
export const here = platforms.find(
  (platform) =>
    platform.startsWith(`${process.platform}-${process.arch}`) && platform.endsWith(libc()),
)

function libc() {
  if (process.platform !== 'linux') return ''
  return process.report.getReport().header.glibcVersionRuntime === undefined ? '-musl' : '-gnu'
}

/**
 * Where the binary of a platform is: what `npm run build` left in src/native/, or what `napi artifacts` or
 * `npm run cross` put into the platform's package.
 * @param {string} platform
 * @returns {string | undefined}
 */
export function binaryOf(platform) {
  const file = `wasiexec.${platform}.node`
  const places = [join(root, 'src/native', file), join(root, 'npm', platform, file)]
  return places.find((place) => existsSync(place))
}

/**
 * @param {string} folder an empty one, or one that is not there
 * @param {{ stubs: boolean }} options `stubs`: a binary that is not there is replaced by a text, else it is an error
 */
export function stage(folder, { stubs }) {
  const manifest = copyPackage('.', folder)
  for (const companion of companions) {
    const to = join(folder, companion)
    writeManifest(to, copyPackage(companion, to))
  }
  shorten(join(folder, LOADER))
  for (const platform of platforms) {
    const to = join(folder, 'npm', platform)
    cpSync(join(root, 'npm', platform), to, { recursive: true })
    for (const file of ['LICENSE', NOTICES]) cpSync(join(root, file), join(to, file))
    const binary = binaryOf(platform)
    const target = join(to, `wasiexec.${platform}.node`)
    if (binary !== undefined) cpSync(binary, target)
    else if (stubs) writeFileSync(target, `A stub: no binary was built for ${platform}.\n`)
    else throw new Error(`expected npm/${platform}/wasiexec.${platform}.node, got no such file`)
  }
  manifest.optionalDependencies = Object.fromEntries(
    platforms.map((platform) => [`@wasiexec/binding-${platform}`, manifest.version]),
  )
  writeManifest(folder, manifest)
}

/** Copies what a package publishes; returns its manifest as it is published. */
function copyPackage(path, to) {
  const from = join(root, path)
  const manifest = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8'))
  for (const field of OURS) delete manifest[field]
  for (const file of ['README.md', ...manifest.files]) {
    mkdirSync(dirname(join(to, file)), { recursive: true })
    cpSync(join(from, file), join(to, file), { recursive: true })
  }
  cpSync(join(root, 'LICENSE'), join(to, 'LICENSE'))
  return manifest
}

function writeManifest(folder, manifest) {
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
}

/** Shortens a script, and keeps its lines. */
function shorten(path) {
  const { code, errors } = minifySync(path, readFileSync(path, 'utf8'), {
    module: false,
    compress: false,
    mangle: true,
    codegen: { removeWhitespace: false },
  })
  if (errors.length > 0) throw new Error(`cannot shorten ${path}: ${errors[0].message}`)
  writeFileSync(path, code)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [folder, stubs] = process.argv.slice(2)
  if (folder === undefined || folder.startsWith('-'))
    throw new Error('expected: stage.mjs FOLDER [--stubs]')
  stage(resolve(folder), { stubs: stubs === '--stubs' })
}
