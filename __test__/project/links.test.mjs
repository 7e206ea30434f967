import { existsSync } from 'node:fs'
import { readFile, readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The anchors of a page: those that GitHub gives its headings, and its own. */
function anchors(text) {
  const own = [...text.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id)
  const headings = text.replaceAll(/^```.*?^```/gms, '').matchAll(/^#+ (.+)$/gm)
  const slugs = [...headings].map(([, heading]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
  return [...own, ...slugs]
}

test('every link in the documentation leads somewhere', async (t) => {
  const docs = await readdir(join(root, 'docs'))
  const pages = [
    'README.md',
    'RATIONALE.md',
    'SECURITY.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    'guests/README.md',
    'packages/bullmq/README.md',
  ]
  pages.push(...docs.filter((file) => file.endsWith('.md')).map((file) => `docs/${file}`))
  const text = Object.fromEntries(
    await Promise.all(pages.map(async (page) => [page, await readFile(join(root, page), 'utf8')])),
  )
  const links = pages.flatMap((page) =>
    [...text[page].matchAll(/(?:\]\(|(?:src|srcset)=")([^)"\s]+)[)"]/g)].map(([, link]) => ({
      page,
      link,
    })),
  )
  const local = links.filter(({ link }) => !/^[a-z]+:/.test(link))
  t.true(local.length > 50)
  const broken = local.filter(({ page, link }) => {
    const [path, anchor] = link.split('#')
    const target = path === '' ? page : join(dirname(page), path)
    if (!existsSync(join(root, target))) return true
    return anchor !== undefined && !anchors(text[target]).includes(anchor)
  })
  t.deepEqual(broken, [])
})
