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

/** The core's tests write its comment, in src/protocol.ts. */
const WITHOUT = new Set(['TrapCode'])

/**
 * Returns a line for each symbol that has no `@example` and needs one, and for each that has one unexpectedly.
 *
 * @param project What typedoc has read.
 * @param kinds typedoc's `ReflectionKind`.
 */
export function exampleFaults(project, kinds) {
  return Object.values(project.reflections)
    .filter(({ kind }) => !PARTS.has(kinds[kind]))
    .filter((reflection) => hasExample(reflection) === WITHOUT.has(reflection.getFullName()))
    .map((reflection) => {
      const has = hasExample(reflection) ? 'an' : 'no'
      return `${kinds[reflection.kind]} ${reflection.getFullName()} has ${has} @example`
    })
    .toSorted()
}

/** An overload has the example of its symbol. */
function hasExample(reflection) {
  const comments = [reflection, ...reflection.getAllSignatures()].map(({ comment }) => comment)
  return comments.some((comment) => comment?.getTag('@example') !== undefined)
}
