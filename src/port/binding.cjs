// The compiled core, or an error that says which package is missing. This is a CommonJS file of its own, so that
// bundlers see a plain `require` of the loader.

/** The systems that have a binary. */
const PLATFORMS = [
  'darwin-arm64',
  'darwin-x64',
  'linux-arm64-gnu',
  'linux-arm64-musl',
  'linux-x64-gnu',
  'linux-x64-musl',
  'win32-arm64-msvc',
  'win32-x64-msvc',
]

try {
  module.exports = require('../native/index.cjs')
} catch (error) {
  throw Object.assign(new Error(explain(error), { cause: error }), { code: 'ERR_NO_BINARY' })
}

function explain(error) {
  const messages = []
  for (let reason = error; reason; reason = reason.cause) messages.push(String(reason.message))
  const here = `${process.platform}-${process.arch}`
  const known = PLATFORMS.filter((name) => `${name}-`.startsWith(`${here}-`))
  if (known.length === 0) {
    return `expected one of ${PLATFORMS.join(', ')}, got ${here}: there is no binary of wasiexec for it, so build it from its repository`
  }
  // The loader knows which libc this system has, and names what it tried.
  const platform = known.find((name) =>
    messages.some((message) => message.includes(`binding-${name}`)),
  )
  if (platform === undefined) {
    // It tried none: addons are not allowed, or the environment forbids it.
    const said = messages.find((message) => !/^Cannot find native|'(\.\/|@)/.test(message))
    return `the binary for ${here} cannot be loaded: ${(said ?? messages[0]).split('\n', 1)}`
  }
  const system = here + libc(platform)
  const name = `@wasiexec/binding-${platform}`
  if (isInstalled(name)) {
    const said = messages.find((message) => message.includes(`binding-${platform}`))
    return `${name}, the binary for ${system}, is installed but cannot be loaded: ${said.split('\n', 1)}`
  }
  return (
    `${name}, the binary for ${system}, is not installed. Usual causes: optional dependencies are left out ` +
    '(`--omit=optional`), the lock file is from another platform and does not list it, or node_modules was copied ' +
    'from another platform. Remove node_modules and the lock file, and install on this machine with optional dependencies'
  )
}

function libc(platform) {
  if (platform.endsWith('-gnu')) return ' (glibc)'
  return platform.endsWith('-musl') ? ' (musl)' : ''
}

function isInstalled(name) {
  try {
    require.resolve(name)
    return true
  } catch {
    return false
  }
}
