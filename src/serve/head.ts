import type { Buffer } from 'node:buffer'
import type { Encoder } from '../encoder.ts'
import { OPTION } from '../protocol.ts'

/** The head of a request. */
export interface RequestHead {
  readonly method: string
  readonly scheme: 'http' | 'https'
  /** Host and port. */
  readonly authority: string
  /** With the query. */
  readonly path: string
  /** Names and values, one after the other, with a byte per character. */
  readonly headers: readonly string[]
  readonly hasBody: boolean
}

/** Writes a request among the options of its run. */
export function encodeRequest(request: RequestHead, to: Encoder): void {
  const { method, scheme, authority, path, headers, hasBody } = request
  to.byte(OPTION.request)
  for (const text of [method, scheme, authority, path]) to.string(text)
  to.byte(hasBody ? 1 : 0)
  to.uint32(headers.length / 2)
  for (const text of headers) to.latin1(text)
}

/** The headers of a response in the same form. */
export function decodeHeaders(bytes: Buffer): string[] {
  const headers: string[] = []
  for (let at = 0; at < bytes.length;) {
    const start = at + 4
    at = start + bytes.readUInt32LE(at)
    headers.push(bytes.toString('latin1', start, at))
  }
  return headers
}
