// The results of a batch over a queue, by a channel that does what a test says.
import test from 'ava'
import { checkBatchOptions, QueueBatch, type BatchChannel } from '../src/queue-batch.ts'
import { all } from './support/queues.ts'

function batchOver(channel: Partial<BatchChannel> = {}): QueueBatch<unknown> {
  const none = async (): Promise<void> => {}
  const read = async (): Promise<[]> => []
  const usual = { feed: none, sent: () => 0, read, cancel: none, close: none }
  return new QueueBatch(async () => ({ ...usual, ...channel }), {})
}

test('the totals may be asked for before the results', async (t) => {
  const batch = batchOver()
  const { summary } = batch
  t.deepEqual(await all(batch), [])
  t.is((await summary).endedBy, 'jobs')
})

test('the totals come also where the channel cannot be closed, with the reason', async (t) => {
  const error = new Error('Connection is closed.')
  const batch = batchOver({ close: () => Promise.reject(error) })
  await t.throwsAsync(all(batch), { is: error })
  t.like(await batch.summary, { endedBy: 'error', error })
  t.like(await batchOver({ close: () => Promise.reject(error) }).summary, { error })
})

test('what a batch failed with is not hidden by what its end fails with', async (t) => {
  const error = new Error('the source has failed')
  const failing = (thrown: Error) => () => Promise.reject(thrown)
  const batch = batchOver({ feed: failing(error), close: failing(new Error('closed')) })
  await t.throwsAsync(all(batch), { is: error })
  t.is((await batch.summary).error, error)
})

test('deadlines are those of a batch in the process', (t) => {
  for (const deadline of [null, '5', Symbol('5'), 5n, -1, NaN, Infinity, new Date(NaN)])
    t.throws(() => checkBatchOptions({ deadline: deadline as never }), {
      code: 'ERR_INVALID_OPTION',
      message: /^`deadline` must be a Date or milliseconds since 1970, got /,
    })
  t.notThrows(() => checkBatchOptions({ deadline: new Date() }))
  t.notThrows(() => checkBatchOptions({ deadline: 0 }))
})
