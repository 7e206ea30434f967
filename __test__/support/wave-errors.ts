import { WaveError } from '../../cli/wave/error.ts'

/** What is thrown for text that is not a value; every other error is one of the test. */
export function error(act: () => unknown): WaveError | undefined {
  try {
    act()
    return undefined
  } catch (thrown) {
    if (thrown instanceof WaveError) return thrown
    throw thrown
  }
}
