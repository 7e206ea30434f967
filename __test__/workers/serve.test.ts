// Requests in worker processes: what the tests of __test__/api do not see.
import test from 'ava'
import { compiled, numbers, realPath, refusal } from '../support/guest.ts'
import { bodyOf } from '../support/handlers.ts'
import { load, Runtime } from '../support/package.ts'
import { kill, someWorkers } from '../support/workers.ts'

/** The workers of one runtime are those of the whole process: one runtime at a time. */
const serial = test.serial

serial('requests in several workers, more than can start at once', async (t) => {
  await using runtime = new Runtime({ threads: 2, workers: 'processes', maxConcurrentRuns: 4 })
  const program = await load(await realPath('http'), { runtime, cache: compiled })
  await using handler = await program.serve()
  const texts = await Promise.all(
    numbers(40).map(async (index) => {
      const body = `${index}`.repeat(30_000)
      const request = new Request('http://a/echo', { method: 'POST', body })
      return (await (await handler.fetch(request)).text()) === body
    }),
  )
  t.true(texts.every(Boolean))
})

if (process.platform !== 'win32') {
  serial('a request whose worker dies fails, before its head and after', async (t) => {
    await using runtime = new Runtime({ threads: 1, workers: 'processes' })
    const program = await load(await realPath('http'), { runtime, cache: compiled })
    await using handler = await program.serve()
    const get = (path: string): Promise<Response> => handler.fetch(new Request(`http://a${path}`))
    const later = await get('/loop-after')
    const waiting = refusal(get('/sleep/60000'))
    kill((await someWorkers(1))[0]!)
    t.is(await bodyOf(later), 'broken off: ERR_RESPONSE_BROKEN')
    t.is((await waiting).code, 'ERR_WORKER_DIED')
    // Another worker takes its place.
    t.is(await (await get('/')).text(), 'hello\n')
  })
}
