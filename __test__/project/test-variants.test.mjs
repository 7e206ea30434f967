// The lines by which test files say how else they are run.
import test from 'ava'
import { filesWith, VARIANTS, wordsOf } from '../../scripts/test-variants.mjs'

test('every such line is the first one, and each variant has files', (t) => {
  for (const [name, words] of VARIANTS) t.true(filesWith(words).length > 0, name)
})

test('words are read, and a line without effect is refused', (t) => {
  const all =
    '// Run once more with worker processes, with each compiler, through spawn, and by calls.'
  const words = [...new Set(VARIANTS.map(([, each]) => each))]
  t.deepEqual(wordsOf('x', `${all}\nimport`), words)
  t.deepEqual(wordsOf('x', '// Run once more through spawn.'), ['through spawn'])
  t.deepEqual(wordsOf('x', '// Run once more through spawn and by calls.\n'), [
    'through spawn',
    'by calls',
  ])
  t.deepEqual(wordsOf('x', '// A test.\n'), [])
  t.throws(() => wordsOf('x', `// A test.\n${all}\n`), { message: /in line 1, found in line 2$/ })
  t.throws(() => wordsOf('x', '// Run once more with workers.'), {
    message: /found `with workers`/,
  })
})
