// The host of examples/plugin-host.mjs, with plugins that lie.
import test from 'ava'
import { Plugin } from '../../examples/filters/plugin.mjs'

const imports = {
  host: { log: (pointer, length, { memory }) => void memory.readString(pointer, length) },
}

/** A plugin that returns its text, but for what is given. */
function plugin({
  memory = '(memory (export "memory") 1)',
  reserve = '(i32.const 0)',
  release = '',
  types = '(param i32 i32) (result i64)',
  transform = '(i64.extend_i32_u (local.get 1))',
  visit = '(i32.const 1)',
} = {}) {
  return Buffer.from(`(module
    (import "host" "log" (func $log (param i32 i32)))
    ${memory}
    (func (export "reserve") (param i32) (result i32) ${reserve})
    (func (export "release") (param i32 i32) ${release})
    (func (export "transform") ${types} ${transform})
    (func (export "visit") (result i32) ${visit}))`)
}

test('a plugin with other exports is refused', async (t) => {
  for (const [given, missing] of [
    [{ memory: '' }, 'memory'],
    [{ types: '(param i32 i32) (result i32)', transform: 'unreachable' }, /transform .*-> i64/],
    [{ types: '(result i64)', transform: 'unreachable' }, /transform .*-> i64/],
  ]) {
    const installed = new Plugin(imports).install(plugin(given), 'other')
    const { message } = await t.throwsAsync(installed)
    t.regex(message, /^other does not export /)
    t.regex(message, new RegExp(missing))
  }
})

test('a plugin that lies about addresses and lengths, traps or never ends fails alone', async (t) => {
  for (const given of [
    { transform: '(i64.const 0xffff_ffff)' },
    { transform: '(i64.const 0x7fff_ffff_0000_0001)' },
    { transform: '(i64.const -1)' },
    { reserve: '(i32.const -1)' },
    { reserve: '(i32.const 65535)' },
    { reserve: 'unreachable' },
    { release: 'unreachable' },
    { release: '(loop (br 0))' },
    { transform: '(call $log (i32.const -1) (i32.const -1)) unreachable' },
  ]) {
    const host = new Plugin(imports)
    await host.install(plugin(), 'good')
    await host.install(plugin(given), 'bad')
    const texts = await Promise.all(['one', 'two', 'three'].map((text) => host.transform(text)))
    t.deepEqual(texts, ['one', 'two', 'three'])
    t.is(await host.visit(), 1)
    await host.close()
  }
})

test('a plugin that fails in any function is replaced, and counts once per failure', async (t) => {
  const host = new Plugin(imports)
  t.is(await host.visit(), 0)
  await host.install(plugin({ visit: '(i32.const 7)' }), 'good')
  t.is(await host.visit(), 7)
  await host.install(plugin({ visit: 'unreachable' }), 'bad')
  t.is(await host.visit(), 0)
  t.is(await host.transform('text'), 'text')
  t.is(await host.visit(), 0)
  t.is(await host.visit(), 7)
  await host.close()
})
