import test from 'ava'
import { COLOURS, PAPER, verdictSlots } from '../../report/page/palette.ts'
import { numbers } from '../support/guest.ts'

type Rgb = [r: number, g: number, b: number]

/** Linear light of `#rrggbb`. */
function linear(hex: string): Rgb {
  return [1, 3, 5].map((at) => {
    const channel = Number.parseInt(hex.slice(at, at + 2), 16) / 255
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4
  }) as Rgb
}

function times(matrix: readonly Rgb[], [r, g, b]: Rgb): Rgb {
  return matrix.map((row) => row[0] * r + row[1] * g + row[2] * b) as Rgb
}

/** As WCAG has it. */
function contrast(a: string, b: string): number {
  const [dark, light] = [a, b]
    .map((hex) => times([[0.2126, 0.7152, 0.0722]], linear(hex))[0])
    .toSorted((a, b) => a - b) as [number, number]
  return (light + 0.05) / (dark + 0.05)
}

/** How people without one kind of cones see (Machado, Oliveira and Fernandes 2009), and how others do. */
const VISIONS: Record<string, Rgb[]> = {
  'all cones': [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  'no long cones': [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  'no middle cones': [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  'no short cones': [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
}

/** Oklab, in which equal distances look about equally different. */
function oklab(rgb: Rgb): Rgb {
  const cones = times(
    [
      [0.4122214708, 0.5363325363, 0.0514459929],
      [0.2119034982, 0.6806995451, 0.1073969566],
      [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    rgb.map((channel) => Math.min(1, Math.max(0, channel))) as Rgb,
  )
  return times(
    [
      [0.2104542553, 0.793617785, -0.0040720468],
      [1.9779984951, -2.428592205, 0.4505937099],
      [0.0259040371, 0.7827717662, -0.808675766],
    ],
    cones.map((cone) => Math.cbrt(cone)) as Rgb,
  )
}

const slots = Object.entries(COLOURS)

for (const scheme of ['light', 'dark'] as const) {
  test(`each colour stands out from a ${scheme} page`, (t) => {
    for (const [slot, colour] of slots) {
      const ratio = contrast(colour[scheme], PAPER[scheme])
      t.true(ratio >= 3, `${slot}: ${ratio}`)
    }
  })

  for (const [vision, matrix] of Object.entries(VISIONS)) {
    test(`colours on a ${scheme} page can be told apart with ${vision}`, (t) => {
      const seen = slots.map(
        ([slot, colour]) => [slot, oklab(times(matrix, linear(colour[scheme])))] as const,
      )
      for (const [at, [one, a]] of seen.entries()) {
        for (const [other, b] of seen.slice(at + 1)) {
          const distance = Math.hypot(...numbers(3).map((axis) => a[axis]! - b[axis]!))
          t.true(distance > 0.06, `${one} and ${other}: ${distance}`)
        }
      }
    })
  }
}

test('verdicts have colours of their own, as far as there are any', (t) => {
  const judged = [
    'accepted',
    'wrong answer',
    'runtime error',
    'time limit',
    'memory limit',
    'output limit',
  ]
  const slots = verdictSlots([...judged, 'error', 'cheated'])
  t.is(new Set(slots.values()).size, 8)
  t.is(slots.get('accepted'), 'ok')
  t.is(verdictSlots(numbers(30).map(String)).size, 30)
  t.false([...verdictSlots(numbers(30).map(String)).values()].includes('ok'))
  t.is(verdictSlots(['constructor']).get('constructor'), 'abort')
})
