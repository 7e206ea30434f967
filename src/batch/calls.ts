import type { AsyncResource } from 'node:async_hooks'
import { invalid, show, unknown } from '../check.ts'
import { giveWriterBack, settleGiven, takeWriter } from '../instance/call.ts'
import type { Callee, InstanceLink } from '../instance/link.ts'
import type { PoolStarter } from '../instance/pool-starter.ts'
import { neverStarted, type AnyCallOutcome } from '../outcome.ts'
import { encodeCallLimits } from '../port/encode-options.ts'
import { Encoder, OPTIONS_BYTES } from '../encoder.ts'
import type { Port } from '../port/port.ts'
import type { RunOwner } from '../port/run-target.ts'
import type { Delivery } from '../port/records.ts'
import type { Given } from '../wit/handles.ts'

/** Where calls go, and what is asked of their batch and reported to it. */
export interface CallPlace {
  readonly port: Port
  readonly owner: RunOwner
  readonly starter: PoolStarter
  /** In which instances are made. */
  readonly context: AsyncResource
  /** The most instances at a time. */
  readonly instances: number
  /** Whether each call has an instance of its own. */
  readonly fresh: boolean
  /** The number of the batch. */
  readonly batch: number
  /** Why its calls are aborted, once they are. */
  aborted(): { reason: unknown } | undefined
  ended(index: number, id: unknown, end: { outcome: AnyCallOutcome } | { error: unknown }): void
}

/** A call that has not begun, for all that is known. */
interface Call {
  readonly index: number
  readonly id: unknown
  readonly name: string
  readonly args: readonly unknown[]
  readonly limits: Encoder | undefined
}

interface Member {
  readonly link: InstanceLink
  /** Calls that it has. */
  load: number
}

/** A call in the core. */
interface Sent {
  readonly call: Call
  readonly member: Member
  readonly callee: Callee
  /** What the call was given. */
  readonly given: readonly Given[] | undefined
}

/** The slots of calls begin here; those of runs are below. */
export const CALL_SLOTS: number = 2 ** 31

/** How many calls an instance has at a time, by the mean time of a call in milliseconds. */
const AHEAD: readonly [belowMs: number, calls: number][] = [
  [0.02, 1024],
  [0.2, 64],
]
/** A call that has ended has a weight of one in this number in the mean. */
const PARTS = 16

const KEYS = ['id', 'call', 'limits', 'error'] as const

/** The calls of a batch, and the instances that carry them out. */
export class Calls {
  readonly #place: CallPlace
  readonly #members: Member[] = []
  readonly #sent: (Sent | undefined)[] = []
  readonly #free: number[] = []
  #waiting: Call[] = []
  /** Where those begin that still wait. */
  #first = 0
  #starting = 0
  #meanMs = Infinity
  #closed = false
  #sending = false

  constructor(place: CallPlace) {
    this.#place = place
  }

  /** Calls that have not ended. */
  get count(): number {
    return this.#sent.length - this.#free.length + this.#waiting.length - this.#first
  }

  /** @throws {WasiexecError} `ERR_INVALID_OPTION`. */
  submit(index: number, id: unknown, job: object): void {
    const call = checkCall(index, id, job)
    const aborted = this.#place.aborted()
    if (aborted !== undefined) {
      this.#place.ended(index, id, { outcome: neverStarted(aborted.reason) })
      return
    }
    this.#waiting.push(call)
    this.#send()
  }

  /** The call in a slot has ended. */
  ended(slot: number, delivery: Delivery): void {
    const sent = this.#sent[slot]
    if (sent === undefined) return
    this.#sent[slot] = undefined
    this.#free.push(slot)
    const { call, member, given } = sent
    const { state } = member.link
    member.load -= 1
    settleGiven(given, delivery.hasStarted)
    const end = this.#read(sent, delivery)
    if (this.#place.fresh || state.isOver) this.#retire(member)
    if (end === undefined) this.#waiting.push(call)
    else this.#place.ended(call.index, call.id, end)
    this.#send()
  }

  /** Ends the instances without a call if runs of the batch, which are submitted, may wait for their slots. */
  makeRoom(): void {
    if (this.#first < this.#waiting.length) return
    const { instances, running, maxConcurrentRuns } = this.#place.port.stats()
    if (instances + running < maxConcurrentRuns) return
    for (const member of this.#members.filter(({ load }) => load === 0)) this.#retire(member)
  }

  /** Aborts all calls. */
  abort(reason: unknown): void {
    for (const member of this.#members) member.link.dispose()
    this.#place.starter.abort()
    // One by one: the batch is over when there are none left.
    for (let call = this.#take(); call !== undefined; call = this.#take()) {
      this.#place.ended(call.index, call.id, { outcome: neverStarted(reason) })
    }
  }

  close(): void {
    this.#closed = true
    for (const member of this.#members.splice(0)) member.link.dispose()
    this.#place.starter.abort()
  }

  /** How a call ended; undefined if it has to be carried out by another instance, because its own ended before. */
  #read(
    { member, callee }: Sent,
    delivery: Delivery,
  ): { outcome: AnyCallOutcome } | { error: unknown } | undefined {
    const aborted = this.#aborted()
    try {
      const outcome = member.link.read(callee, delivery, aborted?.reason)
      const { wallMs } = outcome.usage
      this.#meanMs =
        this.#meanMs === Infinity ? wallMs : this.#meanMs + (wallMs - this.#meanMs) / PARTS
      return { outcome }
    } catch (error) {
      const hasBegun = !delivery.isFault || delivery.fault.code !== 'ERR_INSTANCE_OVER'
      if (hasBegun) return { error }
      return aborted && { outcome: neverStarted(aborted.reason) }
    }
  }

  /** Why no more calls are made, once that is so. */
  #aborted(): { reason: unknown } | undefined {
    const { owner, port, aborted } = this.#place
    const closed = owner.closeReason ?? port.closeReason
    return aborted() ?? (closed && { reason: closed })
  }

  /** Gives calls that wait to instances. */
  #send(): void {
    // What a call that cannot be made tells the batch may come back here.
    if (this.#sending) return
    this.#sending = true
    while (this.#first < this.#waiting.length) {
      const member = this.#choose()
      if (member === undefined) break
      this.#sendTo(member, this.#take() as Call)
    }
    this.#sending = false
    const idle = this.#members.length + this.#starting
    const needed = Math.min(this.#waiting.length - this.#first, this.#place.instances - idle)
    for (let started = 0; started < needed; started += 1) void this.#start()
  }

  /** Takes the first call that waits. */
  #take(): Call | undefined {
    const call = this.#waiting[this.#first]
    if (call === undefined) return undefined
    this.#first += 1
    if (this.#first === this.#waiting.length) {
      this.#waiting = []
      this.#first = 0
    }
    return call
  }

  /** The instance that has the fewest calls, if it may have one more. */
  #choose(): Member | undefined {
    let least: Member | undefined
    for (const member of this.#members) {
      if (least === undefined || member.load < least.load) least = member
    }
    if (least === undefined) return undefined
    const isFull = this.#members.length + this.#starting >= this.#place.instances
    return least.load === 0 || (isFull && least.load < this.#ahead()) ? least : undefined
  }

  #ahead(): number {
    if (this.#place.fresh) return 1
    return AHEAD.find(([belowMs]) => this.#meanMs < belowMs)?.[1] ?? 1
  }

  #sendTo(member: Member, call: Call): void {
    const { port, batch, ended } = this.#place
    const { state } = member.link
    const payload = takeWriter()
    try {
      const callee = member.link.exports.function(call.name)
      callee.write(call.args, payload, member.link)
      if (call.limits !== undefined) payload.append(call.limits)
      const slot = this.#free.pop() ?? this.#sent.length
      port.submitCall(batch, CALL_SLOTS + slot, state.number, callee.number, payload)
      this.#sent[slot] = { call, member, callee, given: payload.takeGiven() }
      member.load += 1
    } catch (error) {
      payload.takeBack()
      ended(call.index, call.id, { error })
    } finally {
      giveWriterBack(payload)
    }
  }

  #retire(member: Member): void {
    const at = this.#members.indexOf(member)
    if (at < 0) return
    this.#members.splice(at, 1)
    // The calls of one that has ended are told by the core how it ended.
    if (!member.link.state.isOver) member.link.dispose()
  }

  async #start(): Promise<void> {
    this.#starting += 1
    try {
      const { starter, context } = this.#place
      const { link } = await context.runInAsyncScope(() => starter.start())
      if (this.#closed || this.#place.aborted() !== undefined) link.dispose()
      else this.#members.push({ link, load: 0 })
    } catch (error) {
      const call = this.#take()
      if (call !== undefined) {
        const aborted = this.#aborted()
        const end = aborted === undefined ? { error } : { outcome: neverStarted(aborted.reason) }
        this.#place.ended(call.index, call.id, end)
      }
    }
    this.#starting -= 1
    this.#send()
  }
}

function checkCall(index: number, id: unknown, job: object): Call {
  let limits: Encoder | undefined
  for (const key in job) {
    if (!KEYS.includes(key as (typeof KEYS)[number])) throw unknown(key, key, KEYS)
  }
  const given = job as { call: unknown; limits?: unknown }
  if (given.limits !== undefined) {
    limits = new Encoder(OPTIONS_BYTES)
    encodeCallLimits(given.limits, limits)
  }
  const { call } = given
  if (!Array.isArray(call) || typeof call[0] !== 'string') {
    const expected = 'an array of the name of a function and its arguments'
    throw invalid('call', expected, call, shownCall(call))
  }
  const [name, ...args] = call as [string, ...unknown[]]
  return { index, id, name, args, limits }
}

function shownCall(call: unknown): string {
  if (!Array.isArray(call)) return show(call)
  return call.length === 0 ? 'an empty array' : `an array that begins with ${show(call[0])}`
}
