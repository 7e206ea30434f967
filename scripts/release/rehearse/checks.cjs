// What a user does first, with the library as ESM or CommonJS gave it.
const assert = require('node:assert')
const { Writable } = require('node:stream')

/** @param {typeof import('wasiexec')} wasiexec */
exports.check = async function check({ load, Runtime }) {
  const hello = await load('hello.wat')
  const outcome = await hello.run()
  assert.deepEqual([outcome.kind, outcome.code, `${outcome.stdout}`], ['exit', 0, 'hello\n'])
  assert.equal(hello.runSync().ok, true)

  const jobs = Array.from({ length: 1000 }, (_, id) => ({ id }))
  const batch = hello.batch(jobs)
  let next = 0
  for await (const result of batch) {
    assert.equal(result.id, next)
    assert.equal(result.outcome.ok, true)
    next += 1
  }
  assert.equal((await batch.summary).ok, 1000)

  const cat = await load('cat.wat')
  const chunks = []
  const stdout = new Writable({
    write(chunk, _, done) {
      chunks.push(chunk)
      done()
    },
  })
  const stdin = (async function* lines() {
    for (let line = 0; line < 1000; line += 1) yield `line ${line}\n`
  })()
  assert.equal((await cat.run({ stdin, stdout })).ok, true)
  assert.equal(Buffer.concat(chunks).toString().split('\n').length, 1001)

  if (process.env.WITH_PROCESSES === 'yes') {
    const runtime = new Runtime({ workers: 'processes', threads: 1 })
    assert.equal((await (await load('hello.wat', { runtime })).run()).ok, true)
    await runtime.close()
  }
}
