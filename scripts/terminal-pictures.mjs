// Draws docs/cli-*.svg: runs the command lines below on a real pseudo-terminal and draws what it shows.
//
//   npm run build && node scripts/terminal-pictures.mjs [name…]
import { spawn } from 'node:child_process'
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import xterm from '@xterm/headless'
import { guest } from '../guests/unpack.mjs'

const COLUMNS = 100
const ROWS = 200
const root = fileURLToPath(new URL('..', import.meta.url))
const bin = join(root, 'bin/wasiexec.mjs')

/** Files for the command lines: guests by name, and texts. */
const GUESTS = {
  'crash.wasm': 'crash',
  'rust.wasm': 'rust',
  'component.wasm': 'rust-p2',
  'c.wasm': 'c-zig',
}

/** The command lines of each picture. */
const PICTURES = {
  run: [
    'wasiexec run rust.wasm exit 3; echo $?',
    'echo live | wasiexec run c.wasm cat',
    'wasiexec run --timeout 500ms rust.wasm spin; echo $?',
    'wasiexec run --memory 32MiB rust.wasm alloc 64; echo $?',
    'wasiexec run crash.wasm; echo $?',
    'wasiexec run --tiemout 2s rust.wasm',
  ],
  inspect: ['wasiexec inspect crash.wasm', 'wasiexec inspect component.wasm | head -15'],
  compile: [
    'wasiexec compile rust.wasm -o rust.cwasm',
    'wasiexec run rust.cwasm ok',
    'wasiexec run --trust-precompiled rust.cwasm ok',
  ],
}

/** The bytes that a terminal has received when a line of shell has ended. */
async function record(line, cwd) {
  const script = `wasiexec() { "${process.execPath}" "${bin}" "$@"; }\n${line}`
  const steps = JSON.stringify([{ resize: COLUMNS }])
  const python = join(root, '__test__/support/terminal.py')
  const child = spawn('python3', [python, steps, 'bash', '-c', script], {
    cwd,
    env: { PATH: process.env.PATH, XDG_CACHE_HOME: join(cwd, '.cache'), TERM: 'xterm-256color' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return JSON.parse(await text(child.stdout)).screen
}

/** Rows with runs of equal style, as a terminal shows these bytes. */
async function rows(bytes) {
  const terminal = new xterm.Terminal({ cols: COLUMNS, rows: ROWS, allowProposedApi: true })
  await new Promise((resolve) => terminal.write(bytes, resolve))
  const buffer = terminal.buffer.active
  const all = []
  for (let y = 0; y < buffer.length; y += 1) {
    const line = buffer.getLine(y)
    const runs = []
    for (let x = 0; x < line.length; x += 1) {
      const cell = line.getCell(x)
      const style = [
        cell.isBold() ? 'bold' : '',
        cell.isDim() ? 'dim' : '',
        cell.isFgPalette() ? `c${cell.getFgColor() % 8}` : '',
      ].join(' ')
      if (cell.getWidth() === 0) continue
      const last = runs.at(-1)
      const characters = cell.getChars() || ' '
      if (last?.style === style) last.text += characters
      else runs.push({ style, text: characters })
    }
    all.push(runs)
  }
  const isBlank = (runs) => runs.every((run) => run.text.trim() === '')
  while (all.length > 0 && isBlank(all.at(-1))) all.pop()
  return all
}

const escape = (string) =>
  string.replace(/[&<>]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[c])

/** An SVG that follows the reader's colours. */
function draw(lines) {
  const [width, height, line] = [COLUMNS * 7.8 + 32, lines.length * 18 + 32, 18]
  const texts = lines.map((runs, index) => {
    if (runs.length === 0) return ''
    const spans = runs.map(({ style, text: content }) => {
      const classes = style.trim()
      return classes === ''
        ? escape(content)
        : `<tspan class="${classes}">${escape(content)}</tspan>`
    })
    return `<text xml:space="preserve" x="16" y="${index * line + 28}">${spans.join('').trimEnd()}</text>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">
<style>
  text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre; fill: #1f2328; }
  .page { fill: #f6f8fa; stroke: #d1d9e0; }
  .bold { font-weight: 600; } .dim { fill: #59636e; } .prompt { fill: #59636e; }
  .c1 { fill: #b3261e; } .c2 { fill: #1a7f37; } .c3 { fill: #7d4e00; } .c4 { fill: #0550ae; } .c5 { fill: #8250df; } .c6 { fill: #1b7c83; }
  @media (prefers-color-scheme: dark) {
    text { fill: #d1d7e0; } .page { fill: #151b23; stroke: #3d444d; } .dim, .prompt { fill: #9198a1; }
    .c1 { fill: #ff8a80; } .c2 { fill: #57ab5a; } .c3 { fill: #daaa3f; } .c4 { fill: #6cb6ff; } .c5 { fill: #dcbdfb; } .c6 { fill: #76e3ea; }
  }
</style>
<rect class="page" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8"/>
${texts.filter((row) => row !== '').join('\n')}
</svg>
`
}

const wanted = process.argv.slice(2)
const folder = await mkdtemp(join(tmpdir(), 'wasiexec-pictures-'))
try {
  for (const [name, of] of Object.entries(GUESTS))
    await copyFile(await guest(of), join(folder, name))
  for (const [name, lines] of Object.entries(PICTURES)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue
    const shown = []
    for (const line of lines) {
      if (shown.length > 0) shown.push([])
      shown.push([
        { style: 'prompt', text: '$ ' },
        { style: 'bold', text: line },
      ])
      shown.push(...(await rows(await record(line, folder))))
    }
    const path = join(root, `docs/cli-${name}.svg`)
    await writeFile(path, draw(shown))
  }
} finally {
  await rm(folder, { recursive: true })
}
