// Finds a Chromium for the tests of pages. As a script: installs Debian's where that is possible, and prints its path.
import { accessSync, constants } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { installPackage } from './apt.mjs'

const { env, platform } = process
const PLACES = {
  linux: ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'],
  darwin: [
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  ],
  win32: [env.ProgramFiles, env['ProgramFiles(x86)'], env.LOCALAPPDATA].flatMap((folder) =>
    folder === undefined ? [] : [`${folder}\\Google\\Chrome\\Application\\chrome.exe`],
  ),
}

/**
 * The path of a Chromium or Chrome: the one that WASIEXEC_CHROMIUM names, or one in its usual place.
 * @returns {string | undefined}
 */
export function chromium() {
  return env.WASIEXEC_CHROMIUM ?? find()
}

/**
 * The same, after trying to install one. Two processes must not do this at once.
 * @returns {string | undefined}
 */
export function provideChromium() {
  return chromium() ?? (installPackage('chromium') ? find() : undefined)
}

function find() {
  return (PLACES[platform] ?? []).find((path) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const path = provideChromium()
  console.log(path ?? 'no Chromium found; WASIEXEC_CHROMIUM may name one')
  process.exitCode = path === undefined ? 1 : 0
}
