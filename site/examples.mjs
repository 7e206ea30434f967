/** What is shown as a part of a symbol, or has no code. Whatever else there is needs an example. */
const PARTS = new Set([
  'CallSignature',
  'Constructor',
  'ConstructorSignature',
  'Document',
  'GetSignature',
  'IndexSignature',
  'Parameter',
  'Project',
  'Property',
  'SetSignature',
  'TypeLiteral',
  'TypeParameter',
])

/**
 * Returns a line for each symbol that has no `@example` and needs one.
 *
 * @param project What typedoc has read.
 * @param kinds typedoc's `ReflectionKind`.
 */
export function exampleFaults(project, kinds) {
  return Object.values(project.reflections)
    .filter(({ kind }) => !PARTS.has(kinds[kind]))
    .filter((reflection) => !hasExample(reflection))
    .map((reflection) => `${kinds[reflection.kind]} ${reflection.getFullName()} has no @example`)
    .toSorted()
}

/** An overload has the example of its symbol. */
function hasExample(reflection) {
  const comments = [reflection, ...reflection.getAllSignatures()].map(({ comment }) => comment)
  return comments.some((comment) => comment?.getTag('@example') !== undefined)
}
