// Faults of JavaScript's own WebAssembly, which come by the same signals as those of our guests.

/**
 * (module (memory 1)
 *   (func (export "outOfBounds") (drop (i32.load (i32.const 65536))))
 *   (func (export "divideByZero") (drop (i32.div_s (i32.const 1) (i32.const 0))))
 *   (func (export "unreachable") unreachable)
 *   (func $recurse (export "recurse") (call $recurse)))
 */
const BYTES = Buffer.from(
  'AGFzbQEAAAABBAFgAAADBQQAAAAABQMBAAEHNgQLb3V0T2ZCb3VuZHMAAAxkaXZpZGVCeVplcm8AAQt1bnJlYWNoYWJsZQACB3JlY3Vyc2UAAwoeBAoAQYCABCgCABoLCABBAUEAbRoLAwAACwQAEAML',
  'base64',
)
// Neither ES nor Node's types have it.
const { WebAssembly } = globalThis as unknown as {
  WebAssembly: {
    Module: new (bytes: Uint8Array) => object
    Instance: new (module: object) => { exports: Record<string, () => void> }
  }
}
const { exports } = new WebAssembly.Instance(new WebAssembly.Module(BYTES))

/** Calls each and answers what it threw. */
export function faults(): string {
  const thrown = Object.values(exports).map((fault) => {
    try {
      fault()
      return 'nothing'
    } catch (error) {
      return (error as Error).constructor.name
    }
  })
  return thrown.join(', ')
}
