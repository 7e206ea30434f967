/** TypeScript, line by line. */
export class Lines {
  readonly #lines: string[] = []
  #depth = 0

  get text(): string {
    return `${this.#lines.join('\n')}\n`
  }

  line(text: string): void {
    this.#lines.push(`${'  '.repeat(this.#depth)}${text}`)
  }

  open(text: string): void {
    this.line(text)
    this.#depth += 1
  }

  close(text: string): void {
    this.#depth -= 1
    this.line(text)
  }

  /** What closes a part and opens the next. */
  between(text: string): void {
    this.#depth -= 1
    this.open(text)
  }

  /** A comment; text that would end it is changed. */
  docs(text: string): void {
    const lines = text.trim().replaceAll('*/', '*\u200b/').split('\n')
    if (lines.length === 1) {
      this.line(`/** ${lines[0]} */`)
      return
    }
    this.line('/**')
    for (const line of lines) this.line(` * ${line}`.trimEnd())
    this.line(' */')
  }
}

/** Words that cannot be the name of a parameter. */
const RESERVED = new Set(
  (
    'arguments await break case catch class const continue debugger default delete do else enum eval export extends ' +
    'false finally for function if implements import in instanceof interface let new null package private protected ' +
    'public return static super switch this throw true try typeof var void while with yield'
  ).split(' '),
)

export function isIdentifier(name: string): boolean {
  return /^[A-Za-z_$][\w$]*$/.test(name) && !RESERVED.has(name)
}

/** A name as the key of an object type. */
export function propertyName(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : quoted(name)
}

/** Types that declarations refer to or have themselves, and that a type of a component must not hide or extend. */
const GLOBALS = new Set(
  (
    'Array AsyncDisposable BigInt64Array BigUint64Array Disposable Exports Float32Array Float64Array Imports Int16Array ' +
    'Int32Array Int8Array Map Members Needs Promise Uint16Array Uint32Array Uint8Array'
  ).split(' '),
)

/** The name of a type. */
export function typeName(name: string): string {
  return GLOBALS.has(name) ? `${name}_` : name
}

/** A name as text of TypeScript, on one line. */
export function quoted(name: string): string {
  const escaped = JSON.stringify(name).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")
  return `'${escaped.replace(/[\u2028\u2029]/g, (mark) => `\\u${mark.charCodeAt(0).toString(16)}`)}'`
}
