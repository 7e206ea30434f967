// Sends the rows of a Parquet file through a function in Python that nobody has to trust, and prints what it returns as
// lines of JSON: node examples/map-parquet.mjs [orders.parquet [map-parquet.py]]
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects, toJson } from 'hyparquet'
import { answerOf, LIMITS, loadPython } from './python.mjs'

const at = (path) => fileURLToPath(new URL(path, import.meta.url))
const [path = at('orders.parquet'), script = at('map-parquet.py')] = process.argv.slice(2)

/** A run takes a millisecond, whatever it does, so each gets many rows. */
const ROWS = 100

const source = await readFile(script, 'utf8')
const file = await asyncBufferFromFile(path)
const metadata = await parquetMetadataAsync(file)
const python = await loadPython()

/** Reads a block when the batch asks for it: nothing but these rows is in memory. */
async function* jobs() {
  const end = Number(metadata.num_rows)
  for (let rowStart = 0; rowStart < end; rowStart += ROWS) {
    const rowEnd = Math.min(rowStart + ROWS, end)
    const rows = await parquetReadObjects({ file, metadata, rowStart, rowEnd })
    yield { id: { rowStart, count: rows.length }, stdin: snippet(toJson(rows)) }
  }
}

/** The script, and what calls its function. JSON in JSON is also a string in Python. */
function snippet(rows) {
  return `${source}
import json
def one(row):
    try:
        return transform(row)
    except Exception as error:
        return {'error': repr(error)}
print(json.dumps([one(row) for row in json.loads(${JSON.stringify(JSON.stringify(rows))})]))
`
}

/** The last line that was printed. The script may have printed others, and may have made anything of this one. */
function resultsOf({ printed = '', ...ending }, count) {
  try {
    const results = JSON.parse(printed.trimEnd().split('\n').at(-1))
    if (Array.isArray(results) && results.length === count) return results
  } catch {
    // Said below.
  }
  throw new Error(`expected ${count} results, got ${JSON.stringify(ending)}`)
}

let failed = 0
const batch = python.batch(jobs(), { defaults: { limits: LIMITS } })
for await (const { id, outcome, error } of batch) {
  if (error !== undefined) throw error
  try {
    for (const result of resultsOf(answerOf(outcome), id.count)) console.log(JSON.stringify(result))
  } catch (fault) {
    failed += id.count
    console.error(`rows ${id.rowStart} to ${id.rowStart + id.count - 1}: ${fault.message}`)
  }
}
console.error(`${metadata.num_rows} rows, ${failed} without a result`)
process.exitCode = failed === 0 ? 0 : 1
