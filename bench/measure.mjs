// How figures are measured and printed: one line per figure, {"name", "value", "unit", "vs"}, where `vs` is the ratio
// to a rival.

/** How long everything runs before it is measured, in milliseconds. */
export const WARM_UP_MS = 200

export const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]

/**
 * Measures all contenders in turn, over and over. What is compared is measured at nearly the same time, so that a ratio
 * holds when the machine's speed drifts.
 * @param {{ name: string, measure(): Promise<object> }[]} contenders
 * @returns {Promise<Record<string, object[]>>} the measurements of each contender, by its name
 */
export async function takeTurns(contenders, rounds) {
  const measured = Object.fromEntries(contenders.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round += 1) {
    for (const { name, measure } of contenders) measured[name].push(await measure())
  }
  return measured
}

/** The median of the ratios of the turns. */
export const ratio = (ours, rivals) => median(ours.map((value, turn) => value / rivals[turn]))

export const digits = (value, count) => Number(value.toPrecision(count))

/** @param {{ rival: string, value: number, ratio: number }} [vs] */
export function print(name, value, unit, vs) {
  const rounded = vs && { ...vs, value: digits(vs.value, 4), ratio: digits(vs.ratio, 3) }
  console.log(JSON.stringify({ name, value: digits(value, 4), unit, ...(vs && { vs: rounded }) }))
}
