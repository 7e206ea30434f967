// The most memory that a process holds for many streamed jobs, compared with few.
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { median, print } from './measure.mjs'
import { number, table, times } from './report.mjs'

const [FEW, MANY] = [1e4, 1e6]
const ROUNDS = 3
const script = fileURLToPath(new URL('streamed-jobs.mjs', import.meta.url))

export const memory = {
  about: `peak memory of ${MANY.toLocaleString('en-US')} streamed jobs and of ${FEW.toLocaleString('en-US')}`,

  run({ guests, quick }) {
    const { path } = guests[0]
    const many = quick ? 1e5 : MANY
    const peak = (jobs) => {
      const peaks = Array.from({ length: quick ? 1 : ROUNDS }, () =>
        Number(execFileSync(process.execPath, [script, path, jobs])),
      )
      return median(peaks)
    }
    const figures = { many: peak(many), few: peak(FEW) }
    const vs = { rival: `${FEW} jobs`, value: figures.few, ratio: figures.many / figures.few }
    print(`peak memory: ${many} jobs streamed`, figures.many, 'MiB', vs)
    return figures
  },

  parts: ({ many, few }) => ({
    memory: table(
      ['peak memory of a process', '10⁴ jobs', '10⁶ jobs', 'ratio'],
      [
        [
          'hello, streamed through `batch()`',
          `${number(few)} MiB`,
          `${number(many)} MiB`,
          times(many / few),
        ],
      ],
    ),
  }),
}
