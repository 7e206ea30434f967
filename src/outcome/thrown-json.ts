/**
 * What was thrown, or is the reason of an abort, as JSON. `JSON.stringify` writes nothing of an Error, and throws for a
 * bigint, a circle and a `toJSON` that throws: these are text.
 */
export function thrownToJson(thrown: unknown): unknown {
  if (typeof thrown !== 'object' || thrown === null) {
    return typeof thrown === 'bigint' ? String(thrown) : thrown
  }
  try {
    if (thrown instanceof Error && !('toJSON' in thrown)) return errorToJson(thrown)
    JSON.stringify(thrown)
    return thrown
  } catch {
    return toText(thrown)
  }
}

function errorToJson(error: Error): Record<string, string> {
  const { name, message } = error
  const { code } = error as { code?: unknown }
  // As text: subclasses may have anything there.
  const json = { name: String(name), message: String(message) }
  return typeof code === 'string' ? { ...json, code } : json
}

function toText(thrown: unknown): string {
  try {
    return String(thrown)
  } catch {
    return '[object]'
  }
}
