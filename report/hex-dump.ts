const PER_ROW = 16

/** `00000400  74 65 78 74 …  |text|`, one row per 16 bytes. Rows that are equal to the one above are one `*`. */
export function hexDump(bytes: Uint8Array, address: bigint): string[] {
  const rows: string[] = []
  let above = ''
  for (let at = 0; at < bytes.length; at += PER_ROW) {
    const row = bytes.subarray(at, at + PER_ROW)
    const shown = show(row)
    const isLast = at + PER_ROW >= bytes.length
    if (shown !== above || isLast) rows.push(`${hex(address + BigInt(at), 8)}  ${shown}`)
    else if (rows.at(-1) !== '*') rows.push('*')
    above = shown
  }
  return rows
}

function show(row: Uint8Array): string {
  const half = (from: number): string =>
    [...row.subarray(from, from + PER_ROW / 2)].map((byte) => hex(byte, 2)).join(' ')
  const text = [...row].map((byte) =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.',
  )
  const width = PER_ROW * 3
  return `${`${half(0)}  ${half(PER_ROW / 2)}`.padEnd(width)}  |${text.join('')}|`
}

function hex(value: number | bigint, digits: number): string {
  return value.toString(16).padStart(digits, '0')
}
