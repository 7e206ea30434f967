import { load, run, Runtime, orThrow } from '../src/index.ts'
import { Readable, Writable } from 'node:stream'
import { createReadStream, readdirSync } from 'node:fs'
const G = (n) => new URL(`../crate/tests/guests/${n}.wat`, import.meta.url)
process.on('uncaughtException', (e) => console.log('UNCAUGHT', e.message))
process.on('warning', (e) => console.log('WARNING', e.message))
const within = (p, ms = 3000) => Promise.race([p.then((o) => o.kind ? `${o.kind} ${o.code ?? o.limit ?? o.trap?.code ?? o.reason} ${o.stdout.toString().slice(0,50)}` : o, (e) => `${e.name} ${e.code} ${e.message}`), new Promise((r) => setTimeout(r, ms, 'HANG'))])
const hello = await load(G('hello'), { cache: false }), cat = await load(G('cat'), { cache: false }), args = await load(G('args'), { cache: false })
console.log('return throws', await within(hello.run({ stdin: { [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true }), return() { throw new Error('ret') } }) } })))
console.log('after', await within(hello.run()))
console.log('return undefined', await within(hello.run({ stdin: { [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true }), return() { } }) } })))
console.log('write throws', await within(hello.run({ stdout: new Writable({ write() { throw new Error('syncwrite') } }) })))
const r1 = Readable.from(['a', 'b']); console.log('unconsumed', await within(hello.run({ stdin: r1 })), r1.destroyed)
await new Promise((r) => setTimeout(r, 50)); console.log('destroyed?', r1.destroyed)
console.log('missing unread', await within(hello.run({ stdin: createReadStream('/missing') })))
console.log('missing cat', await within(cat.run({ stdin: createReadStream('/missing') })))
// reentrant getter
let inner
console.log('reentrant', await within(args.run({ get env() { inner = args.run({ args: ['inner'] }); return {} }, args: ['outer'] })), await within(inner))
console.log('reentrant sync', await within(args.run({ get env() { inner = args.runSync({ args: ['inner'] }); return {A: 'B'} }, args: ['outer'] })), String(inner.stdout))
console.log('reentrant throw', await within(args.run({ get env() { inner = args.run({ args: ['inner'] }); throw new Error('x') } })), await within(Promise.all([inner, args.run({ args: ['other'] })]).then((a) => a.map((x) => x.stdout + ''))))
// dispose then abort
{ const p = await load(G('loop'), { cache: false }); const c = new AbortController(); const o = p.run({ signal: c.signal }); p[Symbol.dispose](); c.abort('later'); console.log('first cause', await within(o)) }
// aborted with streams
{ const w = new Writable({ write(c, e, cb) { cb() } }); const rr = Readable.from(['x']); for (let i = 0; i < 12; i++) await hello.run({ signal: AbortSignal.abort('x'), stdout: w, stdin: rr }).catch(console.log); console.log('listeners', w.listenerCount('error'), rr.destroyed) }
{ const w = new Writable({ write(c, e, cb) { cb() } }); await Promise.all(Array.from({ length: 20 }, () => hello.run({ stdout: w }))); console.log('listeners', w.listenerCount('error')) }
// threads after close
const before = readdirSync('/proc/self/task').length
for (let i = 0; i < 10; i++) { const rt = new Runtime({ threads: 2 }); const p = await load(G('hello'), { runtime: rt, cache: false }); await p.run(); await rt.close() }
globalThis.gc?.(); await new Promise((r) => setTimeout(r, 500)); globalThis.gc?.(); await new Promise((r) => setTimeout(r, 500))
console.log('threads', before, readdirSync('/proc/self/task').length)
// loads + close
{ let hang = 0; for (let k = 0; k < 20; k++) { const rt = new Runtime({ threads: 1 }); const ls = Array.from({ length: 20 }, (_, i) => load(G('hello'), { runtime: rt, cache: false, name: `n${i}` }).then(() => 'ok', (e) => e.code)); const c = rt.close(); const res = await Promise.all(ls.map((l) => within(l))); hang += res.filter((x) => x === 'HANG').length; if (hang) {console.log(k, res.join()); break}; await c } console.log('load hang', hang) }
// bytes mutated
{ const { readFileSync } = await import('node:fs'); const a = readFileSync(G('exit-argv')); const b = new Uint8Array(1000).fill(32); const src = (n) => new TextEncoder().encode(`(module (import "wasi_snapshot_preview1" "proc_exit" (func $e (param i32))) (memory (export "memory") 1) (func (export "_start") (call $e (i32.const ${n}))))`)
 const buf = Uint8Array.from(src(1)); const p1 = run(buf, {cache:false}); buf.set(src(2)); const p2 = run(buf, {cache:false}); console.log('mutated', (await p1).code, (await p2).code, (await run(src(1), {cache:false})).code) }
console.log('env map', await within(hello.run({ env: new Map([['a', 'b']]) })))
console.log('locked', await (async () => { const rs = new ReadableStream({}); rs.getReader(); return within(cat.run({ stdin: rs })) })())
console.log('file url host', await within(load(new URL('file://host/x'))))
const sab = (t) => { const b = new TextEncoder().encode(t); const s = new Uint8Array(new SharedArrayBuffer(b.length)); s.set(b); return s }
console.log('sab stdin', await within(cat.run({ stdin: sab('shared') })))
console.log('sab load', await within(load(sab('(module (func (export "_start")))'), { cache: false }).then((p) => p.run())))
console.log('stdin process obj chunk', await within(cat.run({ stdin: Readable.from([1, 2]) })))
console.log('1e9 args?', await within(hello.run({ args: ['x'.repeat(20e6)] })))
