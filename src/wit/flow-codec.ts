import type { Codec } from './codec.ts'
import type { Incoming, Source } from './flows.ts'
import { BYTES, GuestStream, guestFuture, leave, oneByOne } from './guest-streams.ts'
import type { AllHandles } from './handles.ts'
import { Mismatch } from './mismatch.ts'
import { PRIMITIVES } from './primitives.ts'
import {
  IterableSource,
  ReadySource,
  ValueSource,
  byteKind,
  isThenable,
  iterableOf,
  valueKind,
} from './sources.ts'
import type { ValueReader } from './value-reader.ts'
import type { ValueWriter } from './value-writer.ts'

/** `stream<T>`: an async iterable; the guest is given any iterable. */
export function stream(element: Codec | undefined): Codec {
  const type = typeOf('stream', element)
  const isBytes = element === PRIMITIVES.u8
  const pieces = isBytes ? BYTES : oneByOne(element)
  const kind = isBytes ? byteKind(type, true) : valueKind(type, element)
  return {
    type,
    hasUndefined: false,
    write(value, to) {
      const iterable = iterableOf(value)
      if (iterable === undefined || (value instanceof Uint8Array && !isBytes)) {
        throw new Mismatch(`an iterable (${type})`, value)
      }
      provide(to, (handles) => new IterableSource(iterable, kind, handles))
    },
    read: (from) =>
      receive(from, (incoming, handles) => new GuestStream(incoming, pieces, handles)),
  }
}

/** `future<T>`: a promise; the guest is given a promise or a value. */
export function future(element: Codec | undefined): Codec {
  const type = typeOf('future', element)
  const kind = element === PRIMITIVES.u8 ? byteKind(type, false) : valueKind(type, element)
  return {
    type,
    hasUndefined: element === undefined || element.hasUndefined,
    write(value, to) {
      provide(to, (handles) =>
        isThenable(value)
          ? new ValueSource(value, kind, handles)
          : new ReadySource(value, kind, handles),
      )
    },
    read: (from) => receive(from, (incoming, handles) => guestFuture(incoming, element, handles)),
  }
}

function typeOf(name: string, element: Codec | undefined): string {
  return element === undefined ? name : `${name}<${element.type}>`
}

/** What stands for what the guest gives, if somebody wants it. */
function receive<T>(
  from: ValueReader,
  make: (incoming: Incoming, handles: AllHandles) => T,
): T | undefined {
  const { handles } = from
  const number = from.uint32()
  if (handles.letGo !== undefined) {
    handles.flows.letGo(number)
    return undefined
  }
  const incoming = handles.flows.incoming(number)
  if (handles.isUnwanted !== true) return make(incoming, handles)
  leave(incoming, handles)
  return undefined
}

function provide(to: ValueWriter, make: (handles: AllHandles) => Source): void {
  const handles = to.handles!
  const provided = handles.flows.provide(make(handles))
  to.given.push(provided)
  to.uint32(provided.number)
}
