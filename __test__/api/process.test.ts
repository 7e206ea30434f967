import { once } from 'node:events'
import test from 'ava'
import { ended, node, start, type Ended } from '../support/child.ts'

/** Each of these has to end by itself, with this status and these lines. */
const SCRIPTS: readonly [promise: string, script: string, code: number, stdout: string][] = [
  [
    'a process with idle programs exits by itself',
    `const programs = [await wat('hello'), await wat('component-hello')]
     await Promise.all(programs.map((program) => program.run()))
     console.log('done')`,
    0,
    'done\n',
  ],
  [
    'a process with a loaded program that never ran exits by itself',
    `globalThis.program = loadSync(watPath('hello'), { cache: false })`,
    0,
    '',
  ],
  [
    'a process with an open runtime of its own exits by itself',
    `globalThis.runtime = new Runtime()
     globalThis.program = await ownWat('hello', { runtime })
     console.log(ending(await program.run()))`,
    0,
    'exit 0\n',
  ],
  [
    'a process stays for a run that nobody awaits',
    `const program = await wat('sleep-argv')
     void program.run({ args: ['300'] }).then((outcome) => console.log(...observed(outcome)))`,
    0,
    'exit 0 slept\n \n',
  ],
  [
    'a process stays for a load that nobody awaits',
    `void load(watPath('hello'), { cache: false }).then(({ name }) => console.log(name))`,
    0,
    'hello.wat\n',
  ],
  [
    'a process stays for a close that nobody awaits',
    `const runtime = new Runtime()
     const running = (await ownWat('sleep-hour', { runtime })).run()
     void runtime.close().then(() => console.log('closed'))
     void running.then((outcome) => console.log(ending(outcome)))`,
    0,
    'abort\nclosed\n',
  ],
  [
    'process.exit in the middle of runs gives its status',
    `for (const name of ['loop', 'sleep-hour', 'flood', 'component-loop']) {
       const program = await wat(name)
       for (let index = 0; index < 20; index += 1) void program.run()
     }
     setTimeout(() => process.exit(7), 50)`,
    7,
    '',
  ],
  [
    'process.exit in the tick of a run gives its status',
    `const program = await wat('trap-stack-overflow')
     for (let index = 0; index < 100; index += 1) void program.run()
     process.exit(9)`,
    9,
    '',
  ],
  [
    'process.exit while a program is compiled gives its status',
    `void load(watPath('hello'), { cache: false })
     void ownWat('component-p3-hello')
     setImmediate(() => process.exit(5))`,
    5,
    '',
  ],
  [
    'an uncaught exception in the middle of runs gives status 1',
    `const program = await wat('loop')
     for (let index = 0; index < 20; index += 1) void program.run()
     setTimeout(() => { throw new Error('on purpose') }, 50)`,
    1,
    '',
  ],
  [
    'an exception in the continuation of a run gives status 1',
    `const program = await wat('hello')
     await program.run()
     void program.run().then(() => { throw new Error('on purpose') })
     await (await wat('sleep-hour')).run()`,
    1,
    '',
  ],
  [
    'process.exit in an exit handler and runs in it are harmless',
    `const program = await wat('hello')
     await program.run()
     process.on('exit', () => {
       void program.run()
       console.log(ending(program.runSync()))
     })`,
    0,
    'exit 0\n',
  ],
]
for (const [promise, script, code, stdout] of SCRIPTS) {
  test(promise, async (t) => {
    const child = await node(script)
    t.like(child, { code, signal: null, stdout } satisfies Partial<Ended>, child.stderr)
    if (code !== 1) t.is(child.stderr, '')
  })
}

if (process.platform !== 'win32') {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    test(`${signal} in the middle of runs ends the process as it always does`, async (t) => {
      const child = start(`
        for (const name of ['loop', 'sleep-hour']) void (await wat(name)).run()
        console.log('running')`)
      await once(child.stdout!, 'data')
      child.kill(signal)
      t.like(await ended(child), { code: null, signal, stderr: '' })
    })
  }
}

test('an idle process that has run programs uses no time', async (t) => {
  const child = await node(`
    const hello = await wat('hello')
    await Promise.all(Array.from({ length: 100 }, () => hello.run()))
    await (await wat('loop')).run({ limits: { timeoutMs: 50 } })
    await new Promise((resolve) => setTimeout(resolve, 300))
    const before = process.cpuUsage()
    await new Promise((resolve) => setTimeout(resolve, 1000))
    const { user, system } = process.cpuUsage(before)
    console.log((user + system) / 1000)`)
  t.is(child.code, 0, child.stderr)
  t.log(`${child.stdout.trim()} ms in a second`)
  t.true(Number(child.stdout) < 100, child.stdout)
})

const onLinux = process.platform === 'linux' ? test : test.skip
onLinux('an idle process that has run programs wakes none of its threads', async (t) => {
  const child = await node(`
    import { readdirSync, readFileSync } from 'node:fs'
    const wakeUps = () => {
      let sum = 0
      for (const thread of readdirSync('/proc/self/task')) {
        const status = readFileSync('/proc/self/task/' + thread + '/status', 'utf8')
        const [, name] = /^Name:\\s*(.*)$/m.exec(status)
        if (!name.startsWith('wasiexec')) continue
        names.add(name)
        sum += Number(/^voluntary_ctxt_switches:\\s*(\\d+)$/m.exec(status)[1])
      }
      return sum
    }
    const names = new Set()
    const [hello, loop] = [await wat('hello'), await wat('loop')]
    await Promise.all(Array.from({ length: 100 }, () => hello.run()))
    await Promise.all([3, 50].map((timeoutMs) => loop.run({ limits: { timeoutMs } })))
    const sleeping = new AbortController()
    const slept = (await wat('sleep-hour')).run({ signal: sleeping.signal })
    const inHalfASecond = []
    // The first may see the last of what was.
    while (inHalfASecond.at(-1) !== 0 && inHalfASecond.length < 20) {
      const before = wakeUps()
      await new Promise((resolve) => setTimeout(resolve, 500))
      inHalfASecond.push(wakeUps() - before)
    }
    sleeping.abort()
    console.log(ending(await slept), names.has('wasiexec-ticker'), inHalfASecond)`)
  t.is(child.code, 0, child.stderr)
  t.log(child.stdout.trim())
  t.regex(child.stdout, /^abort true .*\b0 \]\n$/)
})

test('a sleeping guest uses no time', async (t) => {
  const child = await node(`
    const sleeping = (await wat('sleep-argv')).run({ args: ['1400'] })
    await new Promise((resolve) => setTimeout(resolve, 300))
    const before = process.cpuUsage()
    await new Promise((resolve) => setTimeout(resolve, 1000))
    const { user, system } = process.cpuUsage(before)
    console.log((user + system) / 1000, ending(await sleeping))`)
  t.is(child.code, 0, child.stderr)
  t.log(child.stdout.trim())
  t.true(Number.parseFloat(child.stdout) < 100, child.stdout)
  t.regex(child.stdout, / exit 0\n$/)
})

test("JavaScript's own Wasm faults are caught while guests trap", async (t) => {
  const child = await node(`
    import { faults } from ${JSON.stringify(new URL('../support/faults.ts', import.meta.url).href)}
    const guests = await Promise.all(
      ['trap-out-of-bounds', 'trap-divide-by-zero', 'trap-unreachable', 'trap-stack-overflow'].map(wat))
    let count = 0
    for (let round = 0; round < 50; round += 1) {
      const running = guests.flatMap((guest) => [guest.run(), guest.run()])
      // In the tick in which the guests start, and while they run.
      const first = faults()
      await new Promise(setImmediate)
      const second = faults()
      const outcomes = await Promise.all(running)
      if (first !== second || outcomes.some(({ kind }) => kind !== 'trap')) throw new Error(first + second)
      count += outcomes.length
      globalThis.last = first
    }
    console.log(count, last, guests[0].runSync().kind, faults() === last)`)
  const expected = 'RuntimeError, RuntimeError, RuntimeError, RangeError'
  t.like(child, { code: 0, stdout: `400 ${expected} trap true\n` }, child.stderr)
})
