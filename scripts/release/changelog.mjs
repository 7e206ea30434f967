// The first section of CHANGELOG.md. As a script: prints what it says, for the notes of a release.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * @param {string} folder where CHANGELOG.md is
 * @returns {{ version: string, date: string, text: string } | undefined} `date` is a day or `unreleased`
 */
export function newestChanges(folder) {
  const changelog = readFileSync(join(folder, 'CHANGELOG.md'), 'utf8')
  const section = /^## (\S+) \(([^)]+)\)\n(.*?)(?=^## |(?![^]))/ms.exec(changelog)
  if (section === null) return undefined
  const [, version, date, text] = section
  return { version, date, text: text.trim() }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const changes = newestChanges('.')
  if (changes === undefined)
    throw new Error('expected a section such as `## 1.2.3 (2026-12-02)` in CHANGELOG.md, got none')
  console.log(changes.text)
}
