/** How long a test waits for what must come. No condition takes a minute on any machine but an emulated one. */
export const PATIENCE_MS: number = 60_000 * Number(process.env['WASIEXEC_TEST_PATIENCE'] ?? 1)

/** How many times the first attempt's time the last one may take. */
const MOST = 256

/**
 * Makes attempts with more and more time, and returns what came of the first one that came as far as `isFar` asks, or
 * of the last. For a guest that has to get somewhere before its time is over: a loaded machine may not let it.
 */
export async function withMoreTime<T>(
  firstMs: number,
  attempt: (ms: number) => Promise<T>,
  isFar: (result: T) => boolean,
): Promise<T> {
  for (let times = 1; ; times *= 4) {
    const result = await attempt(firstMs * times)
    if (isFar(result) || times === MOST) return result
  }
}
