import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks'
import { Buffer } from 'node:buffer'
import { checkInteger, invalid } from '../check.ts'
import { Encoder } from '../encoder.ts'
import { WasiexecError } from '../errors.ts'
import type { BoundFunction, CallContext, CallingGuest, CallerMemory } from '../imports.ts'
import { FLOW_FUNCTION } from '../protocol.ts'
import { Flows } from '../wit/flows.ts'
import { Mismatch } from '../wit/mismatch.ts'
import { HostObjects } from '../wit/host-objects.ts'
import type { Words } from './words.ts'

/** What a run with host functions asks of its port. */
export interface HostCallPort {
  /** The function has returned as many values as the words begin with. */
  hostReturned(run: number, call: number, results: number): void
  /** The same for a call that moves values of streams and futures. */
  hostAnswered(run: number, call: number, values: Encoder): void
  hostThrew(run: number, call: number): void
  /** Returns the size of the memory, {@link CALL_ENDED} or {@link NO_MEMORY}. */
  accessMemory(
    run: number,
    call: number,
    pointer: number,
    bytes: Uint8Array,
    isWrite: boolean,
  ): number
  /** The process is to wait for a value of a stream or future. */
  expect(): void
  /** It need not wait for that any more. */
  arrived(): void
}

/** What the core returns in place of a size. */
const CALL_ENDED = -1
const NO_MEMORY = -2

const NO_BYTES = new Uint8Array()
/** Bytes of the number of a call. */
const CALL_BYTES = 8
/** A longer read asks for the size of the memory first. */
const SHORT_READ = 64 * 1024
/** `readString` uses this up to its size. */
const scratch = Buffer.allocUnsafeSlow(4096)

/** The instance in whose host function the code is that runs now, also after it has waited for something. */
const inside = new AsyncLocalStorage<HostCalls>()

/** The calls of host functions that one run or instance makes: a module one at a time, a component several. */
export class HostCalls {
  readonly #port: HostCallPort
  readonly #run: number
  readonly #functions: readonly BoundFunction[]
  /** The numbers of the calls in progress. */
  readonly #current = new Set<number>()
  /** Whether a function is on the stack now. */
  #isOnStack = false
  /** What the guest has as resources. */
  readonly objects: HostObjects = new HostObjects()
  /** The streams and futures between the guest and its host. */
  readonly flows: Flows
  /** Whether it has to be known what a function has started. */
  readonly #isInstance: boolean
  /** Functions are called in it, and not in the context of whoever has made the port. */
  readonly #context: AsyncResource
  /** What functions threw, by their calls. */
  readonly #failures = new Map<number, { readonly error: unknown }>()

  constructor(
    port: HostCallPort,
    run: number,
    functions: readonly BoundFunction[],
    isInstance = false,
    context: AsyncResource = new AsyncResource('wasiexec:run'),
  ) {
    this.#isInstance = isInstance
    this.#context = context
    this.#port = port
    this.#run = run
    this.#functions = functions
    this.flows = new Flows({
      answer: (call, values) => port.hostAnswered(run, call, values),
      fail: (call, error) => this.#fail(call, error),
      expect: () => port.expect(),
      arrived: () => port.arrived(),
    })
  }

  /** The guest calls a function, whose result follows now or later. */
  called(index: number, words: Words): void {
    const call = words.number
    if (isFlowFunction(index)) {
      try {
        this.#context.runInAsyncScope(this.#moved, this, index, call, words.takeValues())
      } catch (error) {
        this.#fail(call, error)
      }
      return
    }
    this.#current.add(call)
    try {
      const bound = this.#bound(index)
      const result = this.#context.runInAsyncScope(this.#invoke, this, bound, words, call)
      if (!isThenable(result)) {
        this.#returned(call, bound, words, result)
        return
      }
      Promise.resolve(result).then(
        (value) => this.#returned(call, bound, words, value),
        (error: unknown) => this.#threw(call, error),
      )
    } catch (error) {
      this.#threw(call, error)
    }
  }

  /** The same for a run that the thread waits for. Returns how many values the words begin with, or -1 if it threw. */
  calledSync(index: number, words: Words): number {
    const call = words.number
    this.#current.add(call)
    try {
      if (isEndOfFlow(index)) {
        this.#moved(index, call, words.takeValues())
        return words.putValues(new Encoder(1))
      }
      if (isFlowFunction(index)) {
        const message =
          'a stream or a future of a host function cannot move while a thread waits; use `run` or `call`'
        throw new WasiexecError('ERR_HOST_FUNCTION', message)
      }
      const bound = this.#bound(index)
      const result = this.#invoke(bound, words, call)
      if (isThenable(result)) {
        Promise.resolve(result).catch(() => {})
        const awaits = this.#isInstance ? 'call' : 'run'
        const message = `the host function ${bound.name} returned a promise, which a thread that waits cannot await; use \`${awaits}\``
        throw new WasiexecError('ERR_HOST_FUNCTION', message)
      }
      return bound.put(words, result, this.#callContext(call))
    } catch (error) {
      this.#failures.set(call, { error })
      return -1
    } finally {
      this.#current.delete(call)
    }
  }

  /** What the function threw that has ended the run: the first that threw, of those for which the guest waited. */
  get failure(): { readonly error: unknown } | undefined {
    const [failure] = this.#failures.values()
    return failure
  }

  /** Whether the code that runs now belongs to a function that is called. */
  get isInside(): boolean {
    return this.#current.size > 0 && (this.#isOnStack || inside.getStore() === this)
  }

  /** The run has ended: what its functions return now is not wanted. Who reads its streams gets the reason. */
  end(reason: unknown = new WasiexecError('ERR_INSTANCE_OVER', 'the run has ended')): void {
    this.#current.clear()
    this.flows.end(reason)
    this.objects.clear()
  }

  /** @throws {WasiexecError} `ERR_CALL_ENDED`, `ERR_OUT_OF_BOUNDS`. */
  access(call: number, pointer: number, bytes: Uint8Array, isWrite: boolean): number {
    const isOver = !this.#current.has(call)
    const size = isOver
      ? CALL_ENDED
      : this.#port.accessMemory(this.#run, call, pointer, bytes, isWrite)
    if (size === CALL_ENDED) {
      const message =
        'the guest of a host call can be used until the function has returned or the run has ended'
      throw new WasiexecError('ERR_CALL_ENDED', message)
    }
    if (size === NO_MEMORY) {
      throw new WasiexecError(
        'ERR_OUT_OF_BOUNDS',
        'the guest exports no memory with the name `memory`',
      )
    }
    return size
  }

  /** The guest gives or wants values of a stream or future. */
  #moved(index: number, call: number, values: Buffer): void {
    const number = values.readUInt32LE(0)
    const rest = values.subarray(4)
    switch (index) {
      case FLOW_FUNCTION.give:
        // The memory of what came is used again.
        this.flows.give(number, call, Buffer.from(rest))
        break
      case FLOW_FUNCTION.ended:
        this.flows.ended(number, call)
        break
      case FLOW_FUNCTION.take:
        this.flows.take(number, call, rest.readUInt32LE(0))
        break
      case FLOW_FUNCTION.notGiven:
        this.flows.notGiven(number, call)
        break
      case FLOW_FUNCTION.unwanted:
        this.#unwanted(number, Number(rest.readBigUInt64LE(0)), rest.subarray(CALL_BYTES))
        this.#port.hostAnswered(this.#run, call, new Encoder(1))
        break
      default:
        this.flows.left(number, call)
    }
  }

  /** The guest did not wait any more for what a call has returned or thrown. */
  #unwanted(index: number, call: number, written: Buffer): void {
    this.#failures.delete(call)
    if (written.length === 0) return
    // Its memory is used again.
    this.#bound(index).letGo?.(Buffer.from(written), this.#callContext(call))
  }

  #bound(index: number): BoundFunction {
    const bound = this.#functions[index]
    if (bound !== undefined) return bound
    const message = `the core called an unknown host function, ${index} (this is a bug in wasiexec)`
    throw new WasiexecError('ERR_INTERNAL', message)
  }

  #invoke(bound: BoundFunction, words: Words, call: number): unknown {
    this.#isOnStack = true
    try {
      return this.#isInstance
        ? inside.run(this, () => this.#apply(bound, words, call))
        : this.#apply(bound, words, call)
    } finally {
      this.#isOnStack = false
    }
  }

  #apply(bound: BoundFunction, words: Words, call: number): unknown {
    return bound.apply(words, this.#callContext(call))
  }

  #callContext(call: number): CallContext {
    return { caller: new HostCaller(this, call), objects: this.objects, flows: this.flows }
  }

  #returned(call: number, bound: BoundFunction, words: Words, value: unknown): void {
    if (!this.#current.has(call)) return
    let results
    try {
      results = bound.put(words, value, this.#callContext(call))
    } catch (error) {
      this.#threw(call, error)
      return
    }
    this.#current.delete(call)
    this.#port.hostReturned(this.#run, call, results)
  }

  #threw(call: number, error: unknown): void {
    if (this.#current.delete(call)) this.#fail(call, error)
  }

  #fail(call: number, error: unknown): void {
    this.#failures.set(call, { error: Mismatch.is(error) ? wrongValue(error) : error })
    this.#port.hostThrew(this.#run, call)
  }
}

function wrongValue(mismatch: Mismatch): WasiexecError {
  const message = `a guest was given a wrong value: ${mismatch.text}`
  return new WasiexecError('ERR_HOST_FUNCTION', message)
}

/** Whether no value moves by it. */
function isEndOfFlow(index: number): boolean {
  const { ended, left, notGiven, unwanted } = FLOW_FUNCTION
  return index === ended || index === left || index === notGiven || index === unwanted
}

function isFlowFunction(index: number): boolean {
  return index >= FLOW_FUNCTION.give
}

class HostCaller implements CallingGuest {
  readonly #calls: HostCalls
  readonly #call: number
  #memory: CallerMemory | undefined

  constructor(calls: HostCalls, call: number) {
    this.#calls = calls
    this.#call = call
  }

  get memory(): CallerMemory {
    return (this.#memory ??= new Memory(this.#calls, this.#call))
  }
}

class Memory implements CallerMemory {
  readonly #calls: HostCalls
  readonly #call: number

  constructor(calls: HostCalls, call: number) {
    this.#calls = calls
    this.#call = call
  }

  get byteLength(): number {
    return this.#calls.access(this.#call, 0, NO_BYTES, false)
  }

  read(pointer: number | bigint, length: number): Buffer {
    checkInteger('length', length, 0)
    const start = address(pointer)
    if (length > SHORT_READ) check(start, length, this.byteLength)
    return this.#read(start, Buffer.allocUnsafe(length))
  }

  readString(pointer: number | bigint, length: number): string {
    checkInteger('length', length, 0)
    if (length > scratch.length) return this.read(pointer, length).toString('utf8')
    return this.#read(address(pointer), scratch.subarray(0, length)).toString('utf8')
  }

  write(pointer: number | bigint, bytes: Uint8Array): void {
    if (!(bytes instanceof Uint8Array)) throw invalid('bytes', 'a Uint8Array', bytes)
    const start = address(pointer)
    // Other threads may change shared memory while it is copied.
    const own = bytes.buffer instanceof SharedArrayBuffer ? Buffer.from(bytes) : bytes
    check(start, own.length, this.#calls.access(this.#call, start, own, true))
  }

  #read(start: number, into: Buffer): Buffer {
    check(start, into.length, this.#calls.access(this.#call, start, into, false))
    return into
  }
}

/** A pointer as an address: numbers of guests are signed. */
function address(pointer: unknown): number {
  if (typeof pointer === 'bigint' && pointer >= -(2n ** 63n) && pointer < 2n ** 64n)
    return Number(BigInt.asUintN(64, pointer))
  if (!Number.isSafeInteger(pointer) || (pointer as number) < -(2 ** 31)) {
    throw invalid('pointer', 'an integer', pointer)
  }
  return (pointer as number) < 0 ? (pointer as number) + 2 ** 32 : (pointer as number)
}

function check(start: number, length: number, size: number): void {
  if (start + length <= size) return
  const message = `${length} bytes at ${start} do not lie in the guest's memory of ${size} bytes`
  throw new WasiexecError('ERR_OUT_OF_BOUNDS', message)
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    ((typeof value === 'object' && value !== null) || typeof value === 'function') &&
    typeof (value as { then?: unknown }).then === 'function'
  )
}
