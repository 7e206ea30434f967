// Programs, instances and runtimes that nobody closes and nobody uses any more.
import test from 'ava'
import { node } from '../support/child.ts'

/** Instances by the thousand, each of which is forgotten. */
const FORGET = `
  // A function that waits keeps what its variables have: with one slot, there would be no other instance.
  async function once(program, number) {
    const instance = await program.instantiate()
    return instance.call('add', number, 1)
  }
  async function forget(program, times) {
    for (let number = 0; number < times; number += 1) {
      const outcome = await once(program, number)
      if (outcome.values[0] !== number + 1) throw new Error(outcome.kind)
    }
  }
`

for (const [slots, times] of [
  [undefined, 3000],
  [8, 400],
  [1, 30],
] as const) {
  test(`instances that are forgotten free their slots (of ${slots ?? 'the default'})`, async (t) => {
    const child = await node(
      `${FORGET}
       const runtime = new Runtime({ threads: 1, maxConcurrentRuns: ${slots} })
       const program = await ownWat('exports', { runtime })
       await forget(program, ${times})
       // Also for what is no instance.
       console.log(ending(await (await ownWat('hello', { runtime })).run()))
       await runtime.close()`,
      { timeout: 240_000 },
    )
    t.like(child, { code: 0, stdout: 'exit 0\n' }, child.stderr)
  })
}

test('instances that are in use keep their slots, however often others look for one', async (t) => {
  const child = await node(
    `const { setTimeout: delay } = await import('node:timers/promises')
     const runtime = new Runtime({ threads: 1, maxConcurrentRuns: 2 })
     const program = await ownWat('exports', { runtime })
     const kept = [await program.instantiate(), await program.instantiate()]
     const waiting = program.instantiate()
     let made = false
     waiting.then(() => (made = true))
     for (let turn = 0; turn < 50; turn += 1) {
       await delay(10)
       for (const instance of kept) await instance.call('add', 1, 2)
     }
     console.log(made, runtime.stats().instances, runtime.stats().queued)
     kept.pop()[Symbol.dispose]()
     await (await waiting).call('add', 1, 2)
     console.log(await kept[0].exports.add(3, 4))
     await runtime.close()`,
  )
  t.like(child, { code: 0, stdout: 'false 2 1\n7\n' }, child.stderr)
})

test('a process that has only forgotten instances ends by itself', async (t) => {
  const child = await node(
    `const runtime = new Runtime({ threads: 1, maxConcurrentRuns: 4 })
     const program = await ownWat('exports', { runtime })
     for (let number = 0; number < 4; number += 1) await program.instantiate()
     console.log('end')`,
  )
  t.like(child, { code: 0, stdout: 'end\n' }, child.stderr)
})

test('the garbage collector knows what programs, instances and runtimes weigh', async (t) => {
  const child = await node(
    `const { native } = await import(${JSON.stringify(new URL('../../src/port/native.ts', import.meta.url).href)})
     const external = () => native.adjustMemory(0)
     // What buffers keep counts as well.
     const settle = async () => {
       for (let round = 0; round < 3; round += 1) {
         gc()
         await new Promise((resolve) => setImmediate(resolve))
       }
     }
     const weigh = async (make, free) => {
       await settle()
       const before = external()
       const made = await make()
       await settle()
       const between = external()
       await free(made)
       await settle()
       return [Math.round((between - before) / 2 ** 20), Math.round((external() - between) / 2 ** 20)]
     }
     const runtime = new Runtime({ threads: 1 })
     const large = '(module (memory (export "memory") 800 1600) (func (export "grow") (param i32) ' +
       '(drop (memory.grow (local.get 0)))) (func (export "_start")) (data (i32.const 0) "' + 'x'.repeat(8 << 20) + '"))'
     const program = await load(Buffer.from(large), { runtime, cache: false })
     const show = async (what, make, free) => console.log(what, ...(await weigh(make, free)))
     const several = async (make) => {
       const all = []
       for (let number = 0; number < 4; number += 1) all.push(await make())
       return all
     }
     const dispose = (all) => Promise.all(all.map((one) => one[Symbol.asyncDispose]?.() ?? one[Symbol.dispose]()))
     await show('programs', () => several((number) => load(Buffer.from(large), { runtime, cache: false, name: 'x' + Math.random() })), dispose)
     await show('instances', () => several(() => program.instantiate()), dispose)
     await show('grown', async () => {
       const instance = await program.instantiate()
       await instance.call('grow', 400)
       instance.callSync('grow', 400)
       return [instance]
     }, dispose)
     await show('runtimes', () => several(() => new Runtime({ threads: 1 })), (all) => Promise.all(all.map((one) => one.close())))
     await runtime.close()`,
    { nodeArguments: ['--expose-gc'] },
  )
  t.is(child.code, 0, child.stderr)
  const weights = child.stdout
    .trim()
    .split('\n')
    .map((line): [string, number[]] => {
      const [what, ...numbers] = line.split(' ')
      return [what!, numbers.map(Number)]
    })
  t.deepEqual(
    weights.map(([what]) => what),
    ['programs', 'instances', 'grown', 'runtimes'],
  )
  const least: Record<string, number> = { programs: 60, instances: 200, grown: 99, runtimes: 64 }
  for (const [what, [taken, freed]] of weights) {
    t.true(taken! >= least[what]!, child.stdout)
    t.true(freed! <= -least[what]!, child.stdout)
  }
})

if (process.platform === 'linux') {
  test('runtimes that are forgotten give back their descriptors', async (t) => {
    const child = await node(
      `for (let number = 0; number < 200; number += 1) {
         const runtime = new Runtime({ threads: 1 })
         const program = await ownWat('hello', { runtime })
         const outcome = await program.run()
         if (ending(outcome) !== 'exit 0') throw new Error(ending(outcome))
       }
       console.log('end')`,
      { under: ['sh', '-c', 'ulimit -n 400; exec "$0" "$@"'], timeout: 240_000 },
    )
    t.like(child, { code: 0, stdout: 'end\n' }, child.stderr)
  })

  test('a runtime that cannot be started says what to do', async (t) => {
    const child = await node(
      `const kept = []
       try {
         for (;;) kept.push(new Runtime({ threads: 1 }))
       } catch (error) {
         console.log(error.code, error.message)
       }
       await Promise.all(kept.map((runtime) => runtime.close()))
       const runtime = new Runtime({ threads: 1 })
       console.log(ending(await (await ownWat('hello', { runtime })).run()))
       await runtime.close()`,
      { under: ['sh', '-c', 'ulimit -n 100; exec "$0" "$@"'] },
    )
    t.regex(
      child.stdout,
      /^ERR_OUT_OF_RESOURCES cannot start the runtime's threads: .+; close runtimes that are no longer used, .+\nexit 0\n$/,
      child.stderr,
    )
  })
}
