import { checkRecord, checkString, invalid } from '../check.ts'
import type { Encoder } from '../encoder.ts'
import { OPTION } from '../protocol.ts'

/**
 * Writes what a component is told.
 *
 * @throws {WasiexecError} `ERR_INVALID_OPTION`.
 */
export function encodeConfig(value: unknown, to: Encoder): void {
  checkRecord('config', value)
  to.byte(OPTION.config)
  writeEntries('config', value, to, (option, text) => {
    checkString(option, text)
    to.string(text)
  })
}

/**
 * Writes the buckets of a component.
 *
 * @throws {WasiexecError} `ERR_INVALID_OPTION`.
 */
export function encodeKeyValue(value: unknown, to: Encoder): void {
  checkRecord('keyvalue', value)
  to.byte(OPTION.keyvalue)
  writeEntries('keyvalue', value, to, (name, bucket) => {
    checkRecord(name, bucket)
    writeEntries(name, bucket, to, (option, content) => {
      if (content instanceof Uint8Array) to.sized(content)
      else {
        if (typeof content !== 'string') throw invalid(option, 'a string or bytes', content)
        checkString(option, content)
        to.string(content)
      }
    })
  })
}

/** The number of entries, and of each its name and what `write` writes. */
function writeEntries(
  option: string,
  value: object,
  to: Encoder,
  write: (option: string, content: unknown) => void,
): void {
  const entries: [string, unknown][] = Object.entries(value)
  to.uint32(entries.length)
  for (const [name, content] of entries) {
    checkString(`${option} (a name)`, name)
    to.string(name)
    write(`${option}[${JSON.stringify(name)}]`, content)
  }
}
