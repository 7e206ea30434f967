// Run once more with worker processes.
import { setImmediate, setTimeout } from 'node:timers/promises'
import test from 'ava'
import fc from 'fast-check'
import { outcomeCases } from '../support/cases.ts'
import { ending, observed, refusal, wat } from '../support/guest.ts'

test('1,000 runs of one tick are each answered with their own', async (t) => {
  const program = await wat('args')
  const running = Array.from({ length: 1000 }, (_, index) =>
    program.run({ args: [`run ${index}`] }),
  )
  for (const [index, outcome] of (await Promise.all(running)).entries()) {
    t.deepEqual(observed(outcome), ['exit 0', `args.wat\nrun ${index}\n`, ''])
  }
})

test('5,000 runs of all kinds of endings are each answered with their own', async (t) => {
  const make = await outcomeCases()
  const all = Array.from({ length: 5000 }, (_, index) => make[index % make.length]!(index))
  const outcomes = await Promise.all(all.map(({ program, options }) => program.run(options)))
  const wrong = all.filter(
    ({ expected }, index) => `${observed(outcomes[index]!)}` !== `${expected}`,
  )
  t.is(wrong.length, 0)
  t.deepEqual(observed(outcomes[4999]!), all[4999]!.expected)
})

test('any sequence of endings is answered in its order', async (t) => {
  const make = await outcomeCases()
  const kind = fc.record({ maker: fc.nat(make.length - 1), number: fc.nat(1_000_000) })
  const property = fc.asyncProperty(fc.array(kind, { maxLength: 60 }), async (kinds) => {
    const all = kinds.map(({ maker, number }) => make[maker]!(number))
    const outcomes = await Promise.all(all.map(({ program, options }) => program.run(options)))
    t.deepEqual(
      outcomes.map(observed),
      all.map(({ expected }) => expected),
    )
  })
  await fc.assert(property, { numRuns: 60 })
})

test('runs started from continuations of runs are answered', async (t) => {
  const program = await wat('args')
  async function chain(name: number, length: number): Promise<string> {
    let text = `${name}`
    for (let step = 0; step < length; step += 1) {
      const { stdout } = await program.run({ args: [text] })
      text = stdout.toString().split('\n')[1]! + step
    }
    return text
  }
  const chains = await Promise.all(Array.from({ length: 50 }, (_, name) => chain(name, 20)))
  const steps = Array.from({ length: 20 }, (_, step) => step).join('')
  t.deepEqual(
    chains,
    Array.from({ length: 50 }, (_, name) => name + steps),
  )
})

test('runs started in every phase of the event loop are answered', async (t) => {
  const program = await wat('exit-argv')
  const codes: string[] = []
  const run = async (code: number): Promise<void> => {
    codes.push(ending(await program.run({ args: [`${code}`] })))
  }
  await Promise.all([
    run(1),
    Promise.resolve().then(() => run(2)),
    new Promise<void>((resolve) => process.nextTick(() => resolve(run(3)))),
    setImmediate().then(() => run(4)),
    setTimeout(1).then(() => run(5)),
    new Promise<void>((resolve) => queueMicrotask(() => resolve(run(6)))),
  ])
  t.deepEqual(
    codes.toSorted(),
    [1, 2, 3, 4, 5, 6].map((code) => `exit ${code}`),
  )
})

test('refused runs between others shift nothing', async (t) => {
  const program = await wat('args')
  const running = Array.from({ length: 500 }, (_, index) => {
    const args = index % 3 === 0 ? [`${index}`, 5 as unknown as string] : [`${index}`]
    return program.run({ env: { some: 'thing' }, args })
  })
  for (const [index, run] of running.entries()) {
    if (index % 3 === 0) t.is((await refusal(run)).code, 'ERR_INVALID_OPTION')
    else t.is((await run).stdout.toString(), `args.wat\n${index}\n`)
  }
})

test('host faults between outcomes are each reported to their own run', async (t) => {
  const [args, none, preopen] = [await wat('args'), await wat('no-start'), await wat('hello')]
  const running = Array.from({ length: 300 }, (_, index) => {
    if (index % 3 === 1) return none.run()
    if (index % 3 === 2) return preopen.run({ preopens: { [`/${index}`]: `/missing/${index}` } })
    return args.run({ args: [`${index}`] })
  })
  const results = await Promise.allSettled(running)
  for (const [index, result] of results.entries()) {
    if (result.status === 'fulfilled') {
      t.is(result.value.stdout.toString(), `args.wat\n${index}\n`)
    } else {
      const { message } = result.reason as Error
      t.true(message.includes(index % 3 === 1 ? '`_start`' : `/missing/${index}`), message)
    }
  }
})

test('a large output and many small ones do not mix', async (t) => {
  const [flood, args] = [await wat('flood-argv'), await wat('args')]
  const large = Array.from({ length: 8 }, (_, index) =>
    flood.run({ args: [`${3_000_000 + index}`] }),
  )
  const small = Array.from({ length: 500 }, (_, index) => args.run({ args: [`${index}`] }))
  for (const [index, outcome] of (await Promise.all(small)).entries()) {
    t.is(outcome.stdout.toString(), `args.wat\n${index}\n`)
  }
  for (const [index, { stdout }] of (await Promise.all(large)).entries()) {
    t.is(stdout.length, 3_000_000 + index)
    t.true(stdout.every((byte) => byte === 0x78))
  }
})
