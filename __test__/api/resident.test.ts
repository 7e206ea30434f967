// Which pages of the guests' memory stay with the process between runs: too few cost time, too many as well.
import { release } from 'node:os'
import test from 'ava'
import { node } from '../support/child.ts'

/** Runs a guest that writes as many pages as its arguments have bytes, again and again; scattered ones with one argument. */
const SCRIPT = `
  const runtime = new Runtime({ threads: 1 })
  const program = await ownWat('write-pages', { runtime })
  const runs = async (count, ...pages) => {
    // The end of an argument counts, too.
    const args = pages.map((bytes) => 'x'.repeat(bytes - 1))
    for (let run = 0; run < count; run += 1) {
      const outcome = await program.run({ args })
      if (ending(outcome) !== 'exit 0') throw new Error(ending(outcome))
    }
  }
  /** Pages that the process got from the system, per run. */
  const faults = async (count, pages) => {
    const before = process.resourceUsage().minorPageFault
    await runs(count, pages)
    return (process.resourceUsage().minorPageFault - before) / count
  }
  const resident = () => process.memoryUsage.rss() / 4096
`

// Before Linux 6.7, the system does not tell which pages were written.
const [major, minor] = release().split('.').map(Number) as [number, number]
const tells = process.platform === 'linux' && (major > 6 || (major === 6 && minor >= 7))
const onLinux = tells ? test : test.skip

test('memory is as new in each run, however much the ones before have written', async (t) => {
  const child = await node(`${SCRIPT}
    for (const pages of [[2], [200], [1400], [3, 1], [40], [2000, 900], [700], [1]]) await runs(100, ...pages)
    console.log('as new')`)
  t.is(child.stdout, 'as new\n', child.stderr)
})

onLinux('pages that are written here and there stay', async (t) => {
  const child = await node(`${SCRIPT}
    await runs(300, 200)
    console.log(await faults(200, 200))`)
  t.log(`${child.stdout.trim()} faults per run`)
  t.true(Number(child.stdout) < 50, child.stdout + child.stderr)
})

onLinux('pages that only one large run has written do not stay', async (t) => {
  const child = await node(`${SCRIPT}
    await runs(300, 4)
    await runs(1, 1400, 1)
    const large = resident()
    await runs(300, 4)
    console.log(large - resident())`)
  t.log(`${child.stdout.trim()} pages less`)
  t.true(Number(child.stdout) > 700, child.stdout + child.stderr)
})
