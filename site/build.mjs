// Builds the documentation site into site/dist: the API from index.d.ts, and the pages that the repository has.
// Fails on symbols without a comment or without an example, and on links that lead nowhere.
import { statSync } from 'node:fs'
import { cp, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join, posix, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installNpm } from '../scripts/install.mjs'
import { exampleFaults } from './examples.mjs'

const here = fileURLToPath(new URL('.', import.meta.url))
const root = join(here, '..')
const REPOSITORY = 'https://github.com/wasiexec/wasiexec'

/** The pages beside those in docs/, and under which heading the site lists them. */
const PAGES = {
  'README.md': 'Guides',
  'CHANGELOG.md': 'Project',
  'CONTRIBUTING.md': 'Project',
  'RATIONALE.md': 'Project',
  'SECURITY.md': 'Project',
}
const MEDIA = /\.(?:png|svg)$/

installNpm(here)
const pages = await listPages()
await rm(join(here, 'pages'), { recursive: true, force: true })
for (const [path, group] of Object.entries(pages)) await writePage(path, group)
await copyMedia()
await document()
await checkLinks()

/**
 * The guides come in the order in which the end of the README names them, first steps first.
 *
 * @returns {Promise<Record<string, string>>} The heading for each page, by its path.
 */
async function listPages() {
  const readme = await readFile(join(root, 'README.md'), 'utf8')
  const end = readme.slice(readme.indexOf('\n## More\n'))
  const named = new Set([...end.matchAll(/\]\((docs\/[\w-]+\.md)\)/g)].map(([, path]) => path))
  const docs = (await readdir(join(root, 'docs'))).filter((name) => name.endsWith('.md'))
  const unnamed = docs.map((name) => `docs/${name}`).filter((path) => !named.has(path))
  if (unnamed.length > 0) {
    throw new Error(`expected all pages under "More" in README.md, found no ${unnamed.join(', ')}`)
  }
  return { ...Object.fromEntries([...named].map((path) => [path, 'Guides'])), ...PAGES }
}

/** Copies a page. What it links to and the site does not have is in the repository. */
async function writePage(path, group) {
  const text = await readFile(join(root, path), 'utf8')
  const [, title] = /^# (.+)$/m.exec(text)
  const linked = text.replaceAll(/\]\(([^)\s]+)\)/g, (whole, link) => {
    if (/^(?:[a-z]+:|#)/.test(link)) return whole
    const target = posix.join(posix.dirname(path), link.split('#')[0])
    if (target in pages || MEDIA.test(target)) return whole
    const kind = statSync(join(root, target)).isDirectory() ? 'tree' : 'blob'
    return `](${REPOSITORY}/${kind}/main/${target})`
  })
  const to = join(here, 'pages', path)
  await mkdir(dirname(to), { recursive: true })
  const head = `---\ntitle: ${JSON.stringify(title)}\ngroup: ${group}\n---\n\n`
  // The front page has the title of the site.
  await writeFile(to, path === 'README.md' ? linked.replace(/^# .+\n/, '') : head + linked)
}

async function copyMedia() {
  const media = (await readdir(join(root, 'docs'))).filter((name) => MEDIA.test(name))
  for (const name of media) await cp(join(root, 'docs', name), join(here, 'pages/docs', name))
}

async function document() {
  const { Application, ReflectionKind } = await import('typedoc')
  process.chdir(here)
  const projectDocuments = Object.keys(pages)
    .filter((path) => path !== 'README.md')
    .map((path) => `pages/${path}`)
  const app = await Application.bootstrapWithPlugins({ projectDocuments })
  const project = await app.convert()
  if (project === undefined) throw new Error('typedoc could not read index.d.ts')
  app.validate(project)
  for (const fault of exampleFaults(project, ReflectionKind)) app.logger.error(fault)
  await app.generateOutputs(project)
  if (app.logger.hasErrors() || app.logger.hasWarnings()) {
    throw new Error('the documentation has the faults above')
  }
}

/** Every link between pages of the site leads somewhere, also to a heading. */
async function checkLinks() {
  const { LinkChecker } = await import('linkinator')
  const { links } = await new LinkChecker().check({
    path: 'dist/**/*.html',
    serverRoot: here,
    checkFragments: true,
    linksToSkip: ['^https?://(?!localhost)'],
  })
  const broken = links.filter((link) => link.state === 'BROKEN')
  for (const { url, parent, status } of broken) console.error(`${parent}: ${url} (${status})`)
  if (broken.length > 0) throw new Error(`${broken.length} links of the site lead nowhere`)
  const checked = links.filter((link) => link.state === 'OK').length
  console.log(
    `${relative(process.cwd(), join(here, 'dist')) || '.'}: ${checked} links lead somewhere`,
  )
}
