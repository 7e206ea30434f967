// Programs that compute expressions and print what these are.

/** How many results a function computes: large functions take long to compile. */
const TOGETHER = 50
/** Where numbers to be loaded begin, and where results do. Each has 16 bytes. */
const LOADED = 1024
const PLACE = 16
/** WASI writes from here on. */
const WORDS = 0

type Type = 'f32' | 'f64' | 'v128'

interface Expression {
  name: string
  type: Type
  text: string
  expected: string
}

/** Expressions of one program, with what they have to be. */
export class NumberGuest {
  readonly #expressions: Expression[] = []
  readonly #loaded = new Map<string, number>()

  /** An expression and its bytes, in hexadecimal digits. */
  add(name: string, type: Type, text: string, expected: string): void {
    this.#expressions.push({ name, type, text, expected })
  }

  /** Loads these bytes. */
  load(type: Type, bytes: string): string {
    let at = this.#loaded.get(bytes)
    if (at === undefined) {
      at = LOADED + this.#loaded.size * PLACE
      this.#loaded.set(bytes, at)
    }
    return `(${type}.load (i32.const ${at}))`
  }

  get size(): number {
    return this.#expressions.length
  }

  /** The text of the program, which prints all results. */
  source(): string {
    const results = LOADED + this.#loaded.size * PLACE
    const stores = this.#expressions.map(
      ({ type, text }, index) => `(${type}.store (i32.const ${results + index * PLACE}) ${text})`,
    )
    const functions = Array.from({ length: Math.ceil(stores.length / TOGETHER) }, (_, index) =>
      stores.slice(index * TOGETHER, (index + 1) * TOGETHER).join('\n'),
    )
    const end = results + this.size * PLACE
    return `(module
      (import "wasi_snapshot_preview1" "fd_write"
        (func $fd_write (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") ${Math.ceil(end / 65_536)})
      ${[...this.#loaded].map(([bytes, at]) => `(data (i32.const ${at}) "${escaped(bytes)}")`).join('\n')}
      ${functions.map((text, index) => `(func $f${index} ${text})`).join('\n')}
      (func (export "_start")
        ${functions.map((_, index) => `(call $f${index})`).join('\n')}
        (i32.store (i32.const ${WORDS}) (i32.const ${results}))
        (i32.store (i32.const ${WORDS + 4}) (i32.const ${end - results}))
        (drop (call $fd_write (i32.const 1) (i32.const ${WORDS}) (i32.const 1) (i32.const ${WORDS + 8})))))`
  }

  /** The results that are not what they have to be. */
  wrong(printed: Buffer): string[] {
    return this.#expressions.flatMap(({ name, expected }, index) => {
      const at = index * PLACE
      const got = printed.subarray(at, at + expected.length / 2).toString('hex')
      return got === expected ? [] : [`${name}: expected ${expected}, got ${got}`]
    })
  }
}

function escaped(bytes: string): string {
  return bytes.replaceAll(/../g, String.raw`\$&`)
}
