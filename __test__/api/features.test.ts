// Which proposals of WebAssembly a program uses, and what is said of those that are not run.
import test from 'ava'
import { load } from '../support/package.ts'
import { real, refusal, wat } from '../support/guest.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

async function featuresOf(text: string): Promise<readonly string[]> {
  return (await (await load(bytes(text), { cache: false })).inspect()).features
}

test('real programs say what their compilers have used', async (t) => {
  const inspected = async (name: string): Promise<readonly string[]> =>
    (await (await real(name)).inspect()).features
  t.deepEqual(await inspected('crash'), [])
  const rust = await inspected('rust')
  for (const feature of ['bulk-memory', 'sign-extension']) t.true(rust.includes(feature), feature)
  t.false(rust.includes('component-model'))
  const component = await inspected('rust-p2')
  t.true(component.includes('component-model'))
})

test('a program has the features without which it would not be valid', async (t) => {
  t.deepEqual(await featuresOf('(module (func (export "_start")))'), [])
  t.deepEqual(
    await featuresOf('(module (func $f (return_call $f)) (func (param v128)) (memory i64 1))'),
    ['simd', 'tail-call', 'memory64'],
  )
  t.deepEqual((await (await wat('component-hello')).inspect()).features, ['component-model'])
})

test('a program with a feature that is not run is refused by the name of the feature', async (t) => {
  const refused: readonly [text: string, names: string][] = [
    ['(module (tag $t) (func try catch $t end))', 'legacy-exceptions'],
    ['(module (memory 1 (pagesize 1)))', 'custom-page-sizes'],
    ['(module (type $f (func)) (type $c (cont $f)))', 'stack-switching'],
    [
      '(module (memory 1 (pagesize 1)) (func (param i64) (i64.mul_wide_u (local.get 0) (local.get 0)) drop drop))',
      'custom-page-sizes, wide-arithmetic',
    ],
  ]
  for (const [text, names] of refused) {
    for (const compiler of ['optimizing', 'baseline', 'tiered'] as const) {
      const error = await refusal(load(bytes(text), { cache: false, compiler }))
      t.is(error.code, 'ERR_UNSUPPORTED_WASM')
      t.true(error.message.includes(`wasiexec does not run: ${names};`), error.message)
    }
  }
  const error = await refusal(load(bytes('(module (func (result i32)))'), { cache: false }))
  t.is(error.code, 'ERR_INVALID_WASM')
})

test('threads are refused with what to do instead, also within a component', async (t) => {
  const programs = [
    '(module (import "wasi" "thread-spawn" (func (param i32) (result i32))))',
    '(module (import "env" "memory" (memory 1 1 shared)))',
    '(module (memory 1 1 shared))',
    '(component (core module (memory 1 1 shared)))',
    '(component (core module (func)) (core module (import "env" "memory" (memory 1 1 shared))))',
  ]
  for (const text of programs) {
    const error = await refusal(load(bytes(text), { cache: false }))
    t.is(error.code, 'ERR_UNSUPPORTED_WASM')
    t.regex(
      error.message,
      /needs threads \(it .*(?:shared memory|env\.memory|wasi\.thread-spawn)\)/,
    )
    t.regex(error.message, /nothing could stop them with their run; compile it without them/)
  }
  t.deepEqual(
    await featuresOf('(module (memory 1) (func (drop (i32.atomic.load (i32.const 0)))))'),
    ['threads'],
  )
})
