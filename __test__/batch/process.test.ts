import { once } from 'node:events'
import test from 'ava'
import { node } from '../support/child.ts'
import { drain, numbers, summarize, wat } from '../support/guest.ts'
import { startTask } from '../support/tasks.ts'

/** Each of these has to end by itself, with these lines. */
const SCRIPTS: readonly [promise: string, script: string, stdout: string][] = [
  [
    'a process stays while results of a batch are awaited',
    `const sleep = await wat('sleep-argv')
     const reading = (async () => {
       for await (const result of sleep.batch([{ args: ['300'] }, { args: ['1'] }])) console.log(result.index)
     })()
     void reading.then(() => console.log('end'))`,
    '0\n1\nend\n',
  ],
  [
    'a process stays for the summary of a batch',
    `const sleep = await wat('sleep-argv')
     void sleep.batch([{ args: ['300'] }]).summary.then(({ ok }) => console.log(ok))`,
    '1\n',
  ],
  [
    'a process with a batch that nobody reads exits by itself',
    `globalThis.batch = (await wat('sleep-hour')).batch([{}])
     console.log('end')`,
    'end\n',
  ],
  [
    'a process with a batch that is not read any more exits by itself',
    `const hello = await wat('hello')
     const endless = function* () { for (;;) yield {} }
     globalThis.iterator = hello.batch(endless())[Symbol.asyncIterator]()
     console.log((await iterator.next()).value.index)`,
    '0\n',
  ],
  [
    'neither a deadline nor a signal keeps a process',
    `const hello = await wat('hello')
     const { signal } = globalThis.controller = new AbortController()
     const endless = function* () { for (;;) yield {} }
     globalThis.iterator = hello.batch(endless(), { deadline: Date.now() + 1e9, signal })[Symbol.asyncIterator]()
     console.log((await iterator.next()).value.index)`,
    '0\n',
  ],
  [
    'a batch that ended leaves nothing that keeps a process',
    `const hello = await wat('hello')
     const deadline = Date.now() + 1e9
     for await (const { index } of hello.batch([{}, {}], { deadline })) console.log(index)`,
    '0\n1\n',
  ],
  [
    'a deadline ends a batch of runs that would keep the process',
    `const sleep = await wat('sleep-hour')
     const { kinds } = await sleep.batch([{}, {}], { deadline: Date.now() + 200 }).summary
     console.log(kinds.abort)`,
    '2\n',
  ],
  [
    'a batch with large outputs that has ended is read to its end',
    `const flood = await wat('flood-argv')
     const batch = flood.batch(Array.from({ length: 8 }, () => ({ args: ['1000000'] })))
     const iterator = batch[Symbol.asyncIterator]()
     await batch.summary
     const other = flood.batch([{ args: ['7'] }])[Symbol.asyncIterator]()
     let bytes = 0
     for await (const { outcome } of iterator) bytes += outcome.stdout.length
     console.log(bytes, (await other.next()).value.outcome.stdout.length)`,
    '8000000 7\n',
  ],
]
for (const [promise, script, stdout] of SCRIPTS) {
  test(promise, async (t) => {
    const child = await node(script)
    t.deepEqual(child, { code: 0, signal: null, stdout, stderr: '' })
  })
}

test('process.exit in the middle of a batch gives its status', async (t) => {
  const child = await node(`
    const hello = await wat('hello')
    const endless = function* () { for (;;) yield {} }
    void (await wat('sleep-hour')).batch([{}, {}, {}]).summary
    for await (const { index } of hello.batch(endless())) if (index === 5000) process.exit(9)`)
  t.like(child, { code: 9, signal: null, stderr: '' })
})

test('an error in a `stopOn` that nobody catches gives status 1', async (t) => {
  const child = await node(`
    const hello = await wat('hello')
    const stopOn = () => { throw new Error('on purpose') }
    for await (const _ of hello.batch([{}, {}], { stopOn })) continue`)
  t.is(child.code, 1)
  t.regex(child.stderr, /on purpose/)
})

test('batches in workers, which are terminated in the middle of others', async (t) => {
  const program = await wat('exit-argv')
  for (const _ of numbers(3)) {
    const workers = [startTask('batch'), startTask('batch')]
    await Promise.all(
      workers.map(async (worker) => {
        t.deepEqual(await once(worker, 'message'), [true])
        t.deepEqual(await once(worker, 'message'), ['in the middle'])
      }),
    )
    const jobs = numbers(1000).map((code) => ({ args: [`${code}`] }))
    const batch = program.batch(jobs)
    const iterator = batch[Symbol.asyncIterator]()
    t.is(summarize((await iterator.next()).value!), 'exit 0')
    await Promise.all(workers.map((worker) => worker.terminate()))
    const { all } = await drain(iterator)
    t.deepEqual(
      all.map(summarize),
      numbers(999).map((code) => `exit ${code + 1}`),
    )
  }
})
