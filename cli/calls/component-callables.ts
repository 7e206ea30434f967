import type { ExportedFunction } from '../../src/index.ts'
import { printable } from '../io.ts'
import { CliError } from '../status.ts'
import { waveText } from '../wave/print.ts'
import { quote, type CallText } from './call-text.ts'
import type { Callable, Callables, PreparedCall } from './callables.ts'
import { Handles, type Held } from './handles.ts'
import { Lookup } from './lookup.ts'
import { resourceIn } from './resource-in.ts'
import { argumentsOfText, argumentsOfWords, type Arguments } from './wave-arguments.ts'
import { signatureText, typedName } from './wit-names.ts'

/** The functions of a component, whose values are written in WAVE. */
export class ComponentCallables implements Callables {
  readonly notation = 'wave'
  readonly names: readonly string[]
  readonly #functions: readonly ExportedFunction[]
  readonly #lookup: Lookup
  readonly #handles: Handles | undefined

  constructor(functions: readonly ExportedFunction[], handles: Handles | undefined) {
    this.#functions = functions
    this.#lookup = new Lookup(functions)
    this.#handles = handles
    this.names = functions.map(({ name }) => typedName(name))
  }

  get count(): number {
    return this.#functions.length
  }

  find(name: string): Callable | undefined {
    if (name.startsWith('$')) return this.#method(name)
    const called = this.#lookup.find(name)
    return called === undefined ? undefined : new ComponentCallable(called, this.#handles)
  }

  completions(typed: string): readonly string[] {
    const { all } = this.#handles ?? { all: [] }
    if (typed.startsWith('$')) {
      return all.flatMap(({ name, resource }) =>
        this.#lookup
          .methods(resource.interface, resource.name)
          .map((method) => `${name}.${method}`),
      )
    }
    const names = this.#functions.map((called) =>
      /[:/#]/.test(typed) ? typedName(called.name) : this.#lookup.shortest(called),
    )
    return names.map(quote)
  }

  rows(): readonly (readonly string[])[] {
    return this.#functions.map((called) => [
      printable(typedName(called.name)),
      printable(signatureText(called)),
    ])
  }

  /** `$1.next-value`. */
  #method(typed: string): Callable {
    const dot = typed.indexOf('.')
    const [name, method] = dot < 0 ? [typed, ''] : [typed.slice(0, dot), typed.slice(dot + 1)]
    const handles = this.#handles ?? new Handles()
    const held = handles.find(name)
    const { interface: owner, name: resource } = held.resource
    const called = this.#lookup.method(owner, resource, method)
    if (called === undefined) {
      const known = this.#lookup.methods(owner, resource).join(', ') || 'none'
      throw new CliError(`a ${resource} such as ${name} has these methods: ${known}`)
    }
    return new ComponentCallable(called, this.#handles, held)
  }
}

class ComponentCallable implements Callable {
  readonly #called: ExportedFunction
  readonly #handles: Handles | undefined
  /** What the method belongs to. */
  readonly #self: Held | undefined

  constructor(called: ExportedFunction, handles: Handles | undefined, self?: Held) {
    this.#called = called
    this.#handles = handles
    this.#self = self
  }

  withWords(words: readonly string[]): PreparedCall {
    return this.#prepare(() => argumentsOfWords(this.#typed, words, this.#handles))
  }

  withText(call: CallText): PreparedCall {
    return this.#prepare(() => argumentsOfText(this.#typed, call, this.#handles))
  }

  /** The function with the parameters that are typed. */
  get #typed(): ExportedFunction {
    const called = this.#called
    return this.#self === undefined ? called : { ...called, parameters: called.parameters.slice(1) }
  }

  #prepare(read: () => Arguments): PreparedCall {
    const called = this.#called
    const handles = this.#handles
    if (handles === undefined) refuseResources(called)
    const { values, given } = read()
    return {
      name: called.name,
      args: this.#self === undefined ? values : [this.#self.value, ...values],
      returned: (results) => {
        for (const name of given) handles?.forget(name)
        const { result } = called
        return result === undefined
          ? []
          : results.map((value) =>
              waveText(result, value, (object, resource) => handles!.keep(object, resource)),
            )
      },
    }
  }
}

/** @throws {CliError} for a function whose values outlive the command. */
function refuseResources(called: ExportedFunction): void {
  const types = called.parameters.map(({ type }) => type)
  const resource = resourceIn(called.result === undefined ? types : [...types, called.result])
  if (resource === undefined) return
  throw new CliError(
    `${typedName(called.name)} takes or returns a ${resource}, a resource, which ends with its instance; \`wasiexec repl\` keeps resources between calls`,
  )
}
