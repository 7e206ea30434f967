// node examples/run-python.mjs [snippet…]: runs snippets of Python, each in an interpreter of its own.
import { loadPython, runPython } from './python.mjs'

const given = process.argv.slice(2)
const snippets =
  given.length > 0
    ? given
    : [
        'sum(range(101))',
        'print("hello")',
        'import json\njson.dumps({"a": [1, 2]})',
        '1 / 0',
        'import sys; sys.exit(3)',
        'while True: pass',
        '"x" * 10**9',
        'open("/etc/passwd").read()',
      ]

const python = await loadPython()
await runPython(python, '')
for (const snippet of snippets) {
  const start = performance.now()
  const answer = await runPython(python, snippet)
  const ms = (performance.now() - start).toFixed(2)
  console.log(`${JSON.stringify(snippet)} → ${JSON.stringify(answer)} (${ms} ms)`)
}
