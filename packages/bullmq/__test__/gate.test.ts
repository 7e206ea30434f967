import test from 'ava'
import { Gate } from '../src/gate.ts'

test('shared ones are inside together, an exclusive one alone and in its turn', async (t) => {
  const gate = new Gate()
  const order: string[] = []
  let inside = 0
  const body = (name: string, isAlone: boolean) => async () => {
    inside += 1
    order.push(name)
    t.true(!isAlone || inside === 1, name)
    await new Promise((resolve) => setTimeout(resolve, 5))
    t.true(!isAlone || inside === 1, name)
    inside -= 1
  }
  await Promise.all([
    gate.shared(body('a', false)),
    gate.shared(body('b', false)),
    gate.exclusive(body('c', true)),
    gate.shared(body('d', false)),
    gate.exclusive(body('e', true)),
    gate.exclusive(body('f', true)),
    gate.shared(body('g', false)),
  ])
  t.deepEqual(order, ['a', 'b', 'c', 'd', 'e', 'f', 'g'])
  await t.throwsAsync(
    gate.exclusive(() => Promise.reject(new Error('no'))),
    { message: 'no' },
  )
  t.is(await gate.shared(async () => 5), 5)
})
