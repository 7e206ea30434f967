// Run once more with worker processes, and with each compiler.
import test from 'ava'
import { node } from '../support/child.ts'
import { PATIENCE_MS } from '../support/patience.ts'

/** Much more than any buffer, and little enough for a loaded machine. */
const BYTES = 2 ** 30

/** Only Linux says how much a process has had at most. */
const linux = process.platform === 'linux' ? test : test.skip

linux(
  'a gibibyte through a guest to a slow reader takes little memory on both sides',
  async (t) => {
    t.timeout(5 * PATIENCE_MS)
    const child = await node(
      `
    import { readFileSync } from 'node:fs'
    import { pipeline } from 'node:stream/promises'
    import { setImmediate, setTimeout } from 'node:timers/promises'
    import { workersOf } from '${new URL('../support/workers.ts', import.meta.url).href}'

    /** MiB that this process and its workers have had at most. */
    const peaks = async () => {
      const workers = process.env.WASIEXEC_TEST_WORKERS ? await workersOf() : []
      const peak = (pid) => +/VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/' + pid + '/status', 'utf8'))[1] / 1024
      return ['self', ...workers].map(peak)
    }

    const program = await wat('cat')
    const chunk = Buffer.alloc(64 * 1024, 'x')
    async function through(bytes) {
      const guest = program.spawn()
      const writing = pipeline(async function* () {
        for (let sent = 0; sent < bytes; sent += chunk.length) yield chunk
      }, guest.stdin)
      // By now all buffers are full.
      await setTimeout(200)
      let [read, turn] = [0, 0]
      for await (const { length } of guest.stdout) {
        read += length
        if ((turn += 1) % 8 === 0) await setImmediate()
      }
      await writing
      if (read !== bytes || !(await guest.outcome).ok) throw new Error('lost: ' + (bytes - read))
    }
    await through(2 ** 25)
    const before = await peaks()
    await through(${BYTES})
    console.log(JSON.stringify((await peaks()).map((peak, index) => peak - before[index])))`,
      { timeout: 4.5 * PATIENCE_MS },
    )
    t.is(child.code, 0, child.stderr)
    for (const grown of JSON.parse(child.stdout) as number[]) t.true(grown < 64, `${grown} MiB`)
  },
)
