import { invalidCall, quote } from '../check.ts'
import { plural } from '../words.ts'
import type { Codec } from './codec.ts'
import type { AllHandles } from './handles.ts'
import { Foreign, type Codecs } from './codecs.ts'
import { fullName, hasFlows, type FunctionType, type InterfaceTypes } from './interface.ts'
import { Mismatch } from './mismatch.ts'
import { camelCase, functionName, type FunctionName } from './names.ts'
import type { ValueReader } from './value-reader.ts'
import type { ValueWriter } from './value-writer.ts'

/** Bytes of the length of the arguments, which comes before them. */
const LENGTH_BYTES = 4

/** A function that a component exports. */
export class ComponentFunction {
  readonly number: number
  /** As `call` takes it: `my:pkg/calc@1.0.0#add-two`, or `add-two` for a function of the component itself. */
  readonly name: string
  readonly of: FunctionName
  readonly interface: string | undefined
  readonly #type: FunctionType
  readonly #codecs: Codecs
  #parameters: readonly (readonly [name: string, codec: Codec])[] | undefined
  #result: Codec | undefined
  readonly #hasFlows: boolean

  constructor(type: FunctionType, number: number, codecs: Codecs, types: InterfaceTypes) {
    this.#hasFlows = hasFlows(types, type)
    this.number = number
    this.interface = type.interface
    this.name = fullName(type)
    this.of = functionName(type.name)
    this.#type = type
    this.#codecs = codecs
  }

  /**
   * Checks the arguments of a call and writes them.
   *
   * @throws {WasiexecError} `ERR_INVALID_CALL`; what a getter of an argument throws.
   */
  write(args: readonly unknown[], to: ValueWriter, handles: AllHandles): void {
    const parameters = this.#prepare()
    if (args.length > parameters.length) {
      const most = `${parameters.length} ${plural('argument', parameters.length)}`
      throw invalidCall(`${this.#shown} takes ${most}, got ${args.length}`)
    }
    const start = to.room(LENGTH_BYTES)
    to.handles = handles
    let index = 0
    try {
      const last = parameters.length - 1
      for (; index < last; index += 1) parameters[index]![1].write(args[index], to)
      if (index === last) {
        const codec = parameters[last]![1]
        if (codec.writeLast === undefined) codec.write(args[last], to)
        else codec.writeLast(args[last], to)
      }
    } catch (error) {
      to.takeBack()
      if (!Mismatch.is(error)) throw error
      throw invalidCall(`${this.#shown}: ${error.in(parameters[index]![0]).text}`)
    }
    to.buffer.writeUInt32LE(to.length - start - LENGTH_BYTES, start)
  }

  /**
   * Refuses a call that the thread waits for where streams or futures are among the values: these move while it does not.
   *
   * @throws {WasiexecError} `ERR_INVALID_CALL`.
   */
  checkSync(): void {
    if (!this.#hasFlows) return
    throw invalidCall(
      `${this.#shown} cannot be called while the thread waits: it has a stream or a future; use \`call\``,
    )
  }

  /** What a call has returned. */
  read(from: ValueReader): unknown[] {
    return this.#result === undefined ? [] : [this.#result.read(from)]
  }

  get #shown(): string {
    return quote(this.name)
  }

  #prepare(): readonly (readonly [string, Codec])[] {
    if (this.#parameters !== undefined) return this.#parameters
    try {
      const { parameters, result } = this.#type
      this.#result = result === undefined ? undefined : this.#codecs.of(result)
      return (this.#parameters = parameters.map(([name, type]) => [
        camelCase(name),
        this.#codecs.of(type),
      ]))
    } catch (error) {
      if (!(error instanceof Foreign)) throw error
      throw invalidCall(
        `${this.#shown} cannot be called: it has a ${error.kind}, which does not cross yet`,
      )
    }
  }
}
