// Bundles the parts of a report: its script and its style sheet, each as one file to be put inline.
import { readFile, writeFile } from 'node:fs/promises'
import { rolldown } from 'rolldown'

const source = 'report/browser'
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
  const { output } = await build.write({
    file: `${folder}/report.js`,
    format: 'iife',
    minify: true,
  })
  await build.close()
  if (/<\/script|<!--/i.test(output[0].code)) throw new Error('report.js would end its own element')
  const styles = STYLES.map((name) => readFile(`${source}/style/${name}.css`, 'utf8'))
  const css = await Promise.all(styles)
  await writeFile(`${folder}/report.css`, shortened(css.join('\n')))
  return output
}

/** The same style sheet without comments and indentation, which every report would have in it. */
function shortened(css) {
  return css
    .replaceAll(/\/\*[^]*?\*\//g, '')
    .replaceAll(/\s*\n\s*/g, '\n')
    .replaceAll(/;\n\}/g, '\n}')
    .replaceAll(/([,;{])\n/g, '$1')
    .replaceAll(/([:,]) /g, '$1')
    .replaceAll(' {', '{')
}
