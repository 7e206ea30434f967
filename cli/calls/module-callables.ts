import type { InspectedExport } from '../../src/index.ts'
import { printable } from '../io.ts'
import { signatureOf, toArguments, toWords, type Signature } from '../signature.ts'
import { quote, wordsOf, type CallText } from './call-text.ts'
import type { Callable, Callables, PreparedCall } from './callables.ts'

/** The functions of a core module, whose values are numbers. */
export class ModuleCallables implements Callables {
  readonly notation = 'numbers'
  readonly names: readonly string[]
  readonly #exports: readonly InspectedExport[]

  constructor(exports: readonly InspectedExport[]) {
    this.#exports = exports
    this.names = exports.filter(({ kind }) => kind === 'function').map(({ name }) => name)
  }

  get count(): number {
    return this.names.length
  }

  find(name: string): Callable | undefined {
    const signature = signatureOf(this.#exports, name)
    return signature === undefined ? undefined : new ModuleCallable(signature)
  }

  completions(): readonly string[] {
    return this.names.map(quote)
  }

  rows(): readonly (readonly string[])[] {
    return this.#exports.map(({ name, kind, type }) => [printable(name), kind, printable(type)])
  }
}

class ModuleCallable implements Callable {
  readonly #signature: Signature

  constructor(signature: Signature) {
    this.#signature = signature
  }

  withWords(words: readonly string[]): PreparedCall {
    const signature = this.#signature
    return {
      name: signature.name,
      args: toArguments(signature, words),
      returned: (values) => toWords(signature, values as number[]).map((word) => [word]),
    }
  }

  withText(call: CallText): PreparedCall {
    return this.withWords(wordsOf(call))
  }
}
