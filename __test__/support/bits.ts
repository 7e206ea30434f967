// Floating-point numbers as their bits.

/** A format of numbers. Bits are those of an unsigned integer. */
export interface Format {
  bits: 32 | 64
  canonical: bigint
  sign: bigint
  toNumber(bits: bigint): number
  toBits(number: number): bigint
}

const view = new DataView(new ArrayBuffer(8))

export const F32: Format = {
  bits: 32,
  canonical: 0x7fc0_0000n,
  sign: 1n << 31n,
  toNumber: (bits) => {
    view.setUint32(0, Number(bits))
    return view.getFloat32(0)
  },
  toBits: (number) => {
    if (Number.isNaN(number)) return F32.canonical
    view.setFloat32(0, number)
    return BigInt(view.getUint32(0))
  },
}

export const F64: Format = {
  bits: 64,
  canonical: 0x7ff8_0000_0000_0000n,
  sign: 1n << 63n,
  toNumber: (bits) => {
    view.setBigUint64(0, bits)
    return view.getFloat64(0)
  },
  toBits: (number) => {
    if (Number.isNaN(number)) return F64.canonical
    view.setFloat64(0, number)
    return view.getBigUint64(0)
  },
}

const NANS_32 = [0x7fc0_0000n, 0xffc0_0000n, 0x7fc1_2345n, 0xffe0_0001n, 0x7f81_2345n, 0xffa0_0001n]
const NANS_64 = [
  0x7ff8_0000_0000_0000n,
  0xfff8_0000_0000_0000n,
  0x7ff8_1234_5678_9abcn,
  0xfffc_0000_0000_0001n,
  0x7ff1_2345_6789_abcdn,
  0xfff4_0000_0000_0001n,
]
const NUMBERS = [0, -0, 1, -1.5, Infinity, -Infinity]

/** NaNs of all kinds, and numbers that make NaNs, by the bits of their format. */
export const OPERANDS: Readonly<Record<32 | 64, readonly bigint[]>> = {
  32: [...NANS_32, ...NUMBERS.map((number) => F32.toBits(number))],
  64: [...NANS_64, ...NUMBERS.map((number) => F64.toBits(number))],
}

/** Rounds to the nearest, ties to even. */
export function nearest(x: number): number {
  const floor = Math.floor(x)
  if (!Number.isFinite(x) || floor === x) return x
  const above = x - floor
  const isUp = above > 0.5 || (above === 0.5 && floor % 2 !== 0)
  const rounded = isUp ? floor + 1 : floor
  return rounded === 0 && x < 0 ? -0 : rounded
}
