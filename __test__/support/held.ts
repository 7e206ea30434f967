// What a process holds. What V8 and malloc keep in reserve is not held, and V8 keeps more from version to version: the
// young generation may have 32 MiB in Node 20 and 128 MiB in Node 24.

/** In bytes. */
export interface Held {
  /** Objects of JavaScript. */
  heap: number
  /** Memory behind buffers. */
  buffers: number
  /** Memory of the process that is not V8's heap: buffers, the core's own, and what malloc has in reserve. */
  native: number
}

/** Arguments of a Node that `held` is called in. */
export const HELD_ARGUMENTS: readonly string[] = ['--expose-gc', '--max-semi-space-size=1']

/** What is held once everything that was given up is freed; may be called while work goes on. */
export async function held(): Promise<Held> {
  // Finalizers free buffers, and they run between collections.
  for (let round = 0; round < 10; round += 1) {
    globalThis.gc!()
    await new Promise(setImmediate)
  }
  const { rss, heapTotal, heapUsed, external } = process.memoryUsage()
  return { heap: heapUsed, buffers: external, native: rss - heapTotal }
}

/** By how much the most that was held in the second half exceeds the most in the first. */
export function growth(samples: readonly Held[]): Held {
  const middle = samples.length / 2
  const grown = (of: keyof Held): number => {
    const most = (part: readonly Held[]): number => Math.max(...part.map((sample) => sample[of]))
    return most(samples.slice(middle)) - most(samples.slice(0, middle))
  }
  return { heap: grown('heap'), buffers: grown('buffers'), native: grown('native') }
}
