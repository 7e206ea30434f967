import { COLOURS, PAPER } from './palette.ts'

/** The colours as classes for marks (`background`, `fill`), and as properties that the charts read. */
export function colours(): string {
  const slots = Object.entries(COLOURS).map(
    ([slot, { light, dark }]) => `.c-${slot}{--c:light-dark(${light},${dark})}`,
  )
  return `:root{--paper:light-dark(${PAPER.light},${PAPER.dark})}\n${slots.join('\n')}\n`
}
