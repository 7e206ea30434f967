// Run times in buckets of equal width on a logarithmic scale, the same for every batch.

const PER_DECADE = 10
/** In milliseconds: 1 µs. Shorter runs are in the first bucket, and runs of more than 11 days in the last. */
const FIRST = 1e-3
const DECADES = 12

export const BUCKETS: number = PER_DECADE * DECADES

export function bucketOf(wallMs: number): number {
  const at = Math.floor(Math.log10(wallMs / FIRST) * PER_DECADE + 1e-9)
  return Math.min(Math.max(at, 0), BUCKETS - 1)
}

/** Where a bucket begins and the bucket before it ends, in milliseconds. */
export function bucketStart(bucket: number): number {
  return FIRST * 10 ** (bucket / PER_DECADE)
}
