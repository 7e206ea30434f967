// Bundles the parts of a report: its script (with uPlot) and its style sheet, each as one file to be put inline.
import { readFile, writeFile } from 'node:fs/promises'
import { rolldown } from 'rolldown'

const source = 'report/browser'
const uplot = 'node_modules/uplot'
/** Later rules win. */
const STYLES = ['base', 'head', 'live', 'filter', 'charts', 'jobs', 'media']

/** Bundles into `folder`: report.js and report.css. Returns the chunks, for the notices of their licences. */
export async function bundlePage(folder) {
  const build = await rolldown({
    input: `${source}/main.ts`,
    platform: 'browser',
    tsconfig: `${source}/tsconfig.json`,
    transform: { target: 'es2022' },
  })
  const { version } = JSON.parse(await readFile(`${uplot}/package.json`, 'utf8'))
  const licence = (await readFile(`${uplot}/LICENSE`, 'utf8')).trim()
  const { output } = await build.write({
    file: `${folder}/report.js`,
    format: 'iife',
    minify: true,
    // A page is passed on without the files beside it.
    banner: `/*! uPlot ${version}\n${licence} */`,
  })
  await build.close()
  if (/<\/script|<!--/i.test(output[0].code)) throw new Error('report.js would end its own element')
  const own = STYLES.map((name) => `${source}/style/${name}.css`)
  const styles = [`${uplot}/dist/uPlot.min.css`, ...own]
  const css = await Promise.all(styles.map((path) => readFile(path, 'utf8')))
  await writeFile(`${folder}/report.css`, css.join('\n'))
  return output
}
