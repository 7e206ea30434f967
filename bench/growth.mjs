// The time per job in batches of ever more jobs, and for jobs that print ever more.
import { wat } from './guests.mjs'
import { median, print } from './measure.mjs'
import { Package } from './package-rates.mjs'
import { number, table } from './report.mjs'

const WORKERS = [
  { workers: 'threads', threads: 1 },
  { workers: 'threads', threads: 2 },
  { workers: 'processes', threads: 1 },
  { workers: 'processes', threads: 2 },
]
const JOBS = [1e3, 1e4, 1e5, 1e6]
const OUTPUT_BYTES = [0, 1 << 10, 1 << 14, 1 << 16, 1 << 18, 1 << 20]
/** Batches that would take longer are left out. */
const MOST_MS = 40_000
const MOST_MS_QUICK = 300
/** The number of jobs from which the time of a whole batch is estimated. */
const PROBE = 8
/** Shorter batches are repeated. */
const LEAST_MS = 200
const REPEATS = 5

export const growth = {
  about: 'batches of 10³ to 10⁶ jobs and of outputs to 1 MiB, on threads and processes',

  async run({ guests, seconds, quick }) {
    const jobs = []
    const output = []
    for (const options of WORKERS) {
      const workers = nameOf(options)
      for (const guest of guests) {
        for (const figure of await byJobs(guest, options, quick ? MOST_MS_QUICK : MOST_MS)) {
          print(
            `${guest.name}: batch of ${figure.jobs} jobs, ${workers}`,
            figure.microseconds,
            'µs/job',
          )
          jobs.push({ guest: guest.name, workers, ...figure })
        }
      }
      for (const bytes of OUTPUT_BYTES) {
        const microseconds = await byOutput(bytes, options, seconds)
        print(`batch of jobs that print ${bytes} bytes, ${workers}`, microseconds, 'µs/job')
        output.push({ workers, bytes, microseconds })
      }
    }
    return { jobs, output }
  },

  parts: ({ jobs, output }) => ({ jobs: jobsTable(jobs), output: outputTable(output) }),

  async pictures({ jobs, output }) {
    // It imports a package that the bench installs first.
    const { jobsPicture, outputPicture } = await import('./plot.mjs')
    return { 'jobs.svg': jobsPicture(jobs), 'output.svg': outputPicture(output) }
  },
}

const nameOf = ({ workers, threads }) =>
  `${threads} ${threads === 1 ? { threads: 'thread', processes: 'process' }[workers] : workers}`

/** The time per job in µs, for each size of batch that fits into the time. */
async function byJobs(guest, options, mostMs) {
  const opened = await Package.open(guest, options)
  const figures = []
  let milliseconds = (await opened.jobs(PROBE)) / PROBE
  for (const jobs of JOBS) {
    if (milliseconds * jobs > mostMs) break
    const samples = [await opened.jobs(jobs)]
    while (samples.length < REPEATS && samples[0] < LEAST_MS) samples.push(await opened.jobs(jobs))
    milliseconds = median(samples) / jobs
    figures.push({ jobs, microseconds: milliseconds * 1000 })
  }
  await opened.close()
  return figures
}

async function byOutput(bytes, options, seconds) {
  const guest = { path: wat('flood-argv'), args: [String(bytes)] }
  const opened = await Package.open(guest, options)
  const { perSecond } = await opened.batch(seconds)
  await opened.close()
  return 1e6 / perSecond
}

const unique = (values) => [...new Set(values)]

function jobsTable(figures) {
  const rows = unique(figures.map(({ guest }) => guest)).flatMap((guest) =>
    unique(figures.map(({ workers }) => workers)).map((workers) => {
      const at = (jobs) =>
        figures.find(
          (each) => each.guest === guest && each.workers === workers && each.jobs === jobs,
        )
      return [guest, workers, ...JOBS.map((jobs) => at(jobs) && number(at(jobs).microseconds))]
    }),
  )
  const left = `Left out (–): batches that would take longer than ${MOST_MS / 1000} s.`
  return `${table(['µs per job', 'on', '10³ jobs', '10⁴', '10⁵', '10⁶'], rows)}\n\n${left}`
}

function outputTable(figures) {
  const workers = unique(figures.map(({ workers }) => workers))
  const rows = OUTPUT_BYTES.map((bytes) => [
    bytesName(bytes),
    ...workers.map((name) => {
      const figure = figures.find((each) => each.workers === name && each.bytes === bytes)
      return figure && number(figure.microseconds)
    }),
  ])
  return table(['µs per job that prints', ...workers], rows)
}

function bytesName(bytes) {
  if (bytes < 1024) return `${bytes} bytes`
  return bytes < 1 << 20 ? `${bytes / 1024} KiB` : `${bytes / (1 << 20)} MiB`
}
