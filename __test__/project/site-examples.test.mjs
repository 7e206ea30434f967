import test from 'ava'
import { exampleFaults } from '../../site/examples.mjs'

const KINDS = { 1: 'Property', 2: 'Method', 3: 'TypeAlias', 4: 'SomethingNew' }
const EXAMPLE = { getTag: (tag) => (tag === '@example' ? {} : undefined) }
const NONE = { getTag: () => undefined }

const reflection = (kind, name, comment, signatures = []) => ({
  kind,
  comment,
  getFullName: () => name,
  getAllSignatures: () => signatures.map((of) => ({ comment: of })),
})

test('symbols without an example are named, whatever their kind', (t) => {
  const reflections = [
    reflection(1, 'Outcome.ok', NONE),
    reflection(2, 'Program.run', undefined, [EXAMPLE, undefined]),
    reflection(2, 'Program.wit', NONE, [NONE]),
    reflection(3, 'Outcome', EXAMPLE),
    reflection(4, 'fresh', undefined),
  ]
  t.deepEqual(exampleFaults({ reflections }, KINDS), [
    'Method Program.wit has no @example',
    'SomethingNew fresh has no @example',
  ])
})
