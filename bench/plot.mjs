// The pictures of docs/performance.md, as SVG that is readable on a light and on a dark page.
import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'

const COLORS = {
  '1 thread': '#74a7fe',
  '2 threads': '#1f6feb',
  '1 process': '#f2a65a',
  '2 processes': '#e8590c',
}
const DASHES = { threads: 'none', processes: '5 4' }
const STYLE = `
  svg { color: #1f2328; font: 12px system-ui, sans-serif; }
  .page { fill: #ffffff; }
  @media (prefers-color-scheme: dark) {
    svg { color: #d1d7e0; }
    .page { fill: #0d1117; }
  }`
const WIDTH = 880
const JOBS = [1e3, 1e4, 1e5, 1e6]
const LEGEND = { top: 20, left: 64, gap: 120 }

const isProcess = ({ workers }) => workers.includes('process')
const unique = (values) => [...new Set(values)]
const superscript = (number) => [...String(number)].map((digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[digit]).join('')
const power = (value) => `10${superscript(Math.log10(value))}`
const grouped = (value) => value.toLocaleString('en-US', { maximumFractionDigits: 3 })

/** @param {{ guest: string, workers: string, jobs: number, microseconds: number }[]} figures */
export const jobsPicture = (figures) =>
  picture(figures, 'jobs', {
    height: 360,
    fx: { domain: unique(figures.map(({ guest }) => guest)), label: null, padding: 0.15 },
    x: {
      type: 'log',
      label: 'jobs in the batch',
      domain: [JOBS[0], JOBS.at(-1)],
      ticks: JOBS,
      tickFormat: power,
      inset: 6,
    },
    channels: { fx: 'guest' },
  })

/** @param {{ workers: string, bytes: number, microseconds: number }[]} figures */
export const outputPicture = (figures) =>
  picture(figures, 'bytes', {
    height: 340,
    x: { type: 'point', label: 'printed by each job', tickFormat: bytesName, padding: 0.3 },
  })

const bytesName = (bytes) => {
  if (bytes < 1024) return String(bytes)
  return bytes < 1 << 20 ? `${bytes >> 10} KiB` : `${bytes >> 20} MiB`
}

/** The powers of ten that enclose all figures. */
function powers(figures) {
  const logs = figures.map(({ microseconds }) => Math.log10(microseconds))
  const [least, most] = [Math.floor(Math.min(...logs)), Math.ceil(Math.max(...logs))]
  const ticks = Array.from({ length: most - least + 1 }, (_, index) => 10 ** (least + index))
  return { domain: [ticks[0], ticks.at(-1)], ticks, tickFormat: grouped }
}

function picture(figures, x, { height, channels, ...scales }) {
  const { document } = parseHTML('<html><body></body></html>')
  const options = { ...channels, x, y: 'microseconds', z: 'workers', stroke: 'workers' }
  const svg = Plot.plot({
    document,
    width: WIDTH,
    height,
    marginTop: channels ? 68 : 44,
    marginLeft: LEGEND.left,
    marginBottom: 44,
    color: { domain: Object.keys(COLORS), range: Object.values(COLORS) },
    y: {
      type: 'log',
      label: 'µs per job',
      labelAnchor: 'center',
      labelArrow: 'none',
      grid: true,
      ...powers(figures),
    },
    ...scales,
    x: { labelAnchor: 'center', labelArrow: 'none', ...scales.x },
    marks: [
      Plot.frame({ strokeOpacity: 0.3 }),
      ...[false, true].map((process) =>
        Plot.lineY(figures, {
          ...options,
          filter: (figure) => isProcess(figure) === process,
          strokeWidth: 2,
          strokeDasharray: process ? DASHES.processes : DASHES.threads,
        }),
      ),
      Plot.dot(figures, { ...options, fill: 'workers', r: 3 }),
    ],
  })
  const make = maker(document)
  svg.prepend(
    make('style', {}, STYLE),
    make('rect', { class: 'page', width: '100%', height: '100%' }),
  )
  svg.append(legend(make, unique(figures.map(({ workers }) => workers))))
  svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg')
  return `${svg.outerHTML}\n`
}

const maker = (document) => (tag, attributes, text) => {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  if (text) element.textContent = text
  return element
}

function legend(make, names) {
  const group = make('g', { transform: `translate(${LEGEND.left}, ${LEGEND.top})` })
  for (const [place, name] of names.entries()) {
    const left = place * LEGEND.gap
    const dashes = name.includes('process') ? DASHES.processes : DASHES.threads
    group.append(
      make('line', {
        x1: left,
        x2: left + 28,
        stroke: COLORS[name],
        'stroke-width': 2,
        'stroke-dasharray': dashes,
      }),
      make('circle', { cx: left + 14, r: 3, fill: COLORS[name] }),
      make('text', { x: left + 36, dy: '0.32em', 'text-anchor': 'start' }, name),
    )
  }
  return group
}
