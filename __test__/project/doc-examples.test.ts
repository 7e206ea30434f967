import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import ts from 'typescript-6'

/** A file of this package as the compiler names it, with slashes on Windows too. */
const at = (name: string): string =>
  fileURLToPath(new URL(`../../${name}`, import.meta.url)).replaceAll('\\', '/')

const DECLARATIONS = at('index.d.ts')
/** Not on the disk. It stands beside the declarations, so that it finds the types of Node. */
const EXAMPLES = at('doc-examples.ts')

/** What examples use without declaring it. */
const PRELUDE = `
import { Buffer } from 'node:buffer'
import { subscribe } from 'node:diagnostics_channel'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'

interface Functions {
  add(a: number, b: number): number
  print(address: number, length: number): void
  run(): void
}
type Exports = Functions

declare const batch: Batch
declare const caller: CallingGuest
declare const guest: Guest
declare const handler: Handler
declare const imports: Imports
declare const inputs: readonly number[]
declare const instance: Instance<Functions>
declare const jobs: readonly Job<string>[]
declare const json: JsonOutcome | JsonReturned | JsonHostError
declare const length: number
declare const line: string
declare const lines: readonly string[]
declare const numbers: readonly number[]
declare const outcome: Outcome
declare const pointer: number
declare const pool: Pool<Functions>
declare const program: Program
declare const python: Program
declare const runtime: Runtime
declare const totals: BatchTotals
declare const warm: Program
`

const OPTIONS: ts.CompilerOptions = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noEmit: true,
  skipLibCheck: true,
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2022.d.ts', 'lib.esnext.disposable.d.ts'],
  module: ts.ModuleKind.NodeNext,
  types: ['node'],
  paths: { wasiexec: [DECLARATIONS] },
}

interface Example {
  /** Whose comment has it, such as `Program.run`. */
  readonly symbol: string
  readonly code: string
}

function parse(text: string): ts.SourceFile {
  return ts.createSourceFile('index.d.ts', text, ts.ScriptTarget.ES2022, true)
}

function examplesOf(declarations: ts.SourceFile): Example[] {
  const found: Example[] = []
  const visit = (node: ts.Node, path: readonly string[]): void => {
    const name = (node as ts.NamedDeclaration).name?.getText()
    const inner = name === undefined ? path : [...path, name]
    for (const { tagName, comment } of ts.getJSDocTags(node)) {
      if (tagName.text !== 'example') continue
      found.push({ symbol: inner.join('.'), code: ts.getTextOfJSDocComment(comment) ?? '' })
    }
    ts.forEachChild(node, (child) => visit(child, inner))
  }
  visit(declarations, [])
  return found
}

/** Returns the import of everything that is exported. */
function importAll(declarations: ts.SourceFile): string {
  const [names, more] = declarations.statements.filter(ts.isExportDeclaration)
  if (names?.exportClause === undefined || more !== undefined)
    throw new Error('index.d.ts must have one list of exports')
  return `import ${names.exportClause.getText()} from 'wasiexec'`
}

/** Compiles each example as the body of an async function. Returns what the compiler says, with the symbol. */
function compile(head: string, examples: readonly Example[]): string[] {
  const starts: number[] = []
  let text = head
  for (const [index, { code }] of examples.entries()) {
    starts.push(text.length)
    text += `async function example${index}() {\n${code}\n}\n`
  }
  const host = ts.createCompilerHost(OPTIONS, true)
  const { fileExists, readFile: read } = host
  host.fileExists = (path) => path === EXAMPLES || fileExists(path)
  host.readFile = (path) => (path === EXAMPLES ? text : read(path))
  const program = ts.createProgram([EXAMPLES], OPTIONS, host)
  return ts
    .getPreEmitDiagnostics(program, program.getSourceFile(EXAMPLES))
    .map(({ start = 0, messageText }) => {
      const symbol = examples[starts.findLastIndex((first) => first <= start)]?.symbol
      return `${symbol ?? 'prelude'}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`
    })
}

test('every example in a comment of the API compiles', async (t) => {
  const text = await readFile(DECLARATIONS, 'utf8')
  const declarations = parse(text)
  const examples = examplesOf(declarations)
  t.is(examples.length, [...text.matchAll(/^ +\* @example\b/gm)].length)
  // One more, so that the compiler has something to say.
  const wrong = parse('/**\n * @example\n * program.never\n */\ninterface Wrong {}')
  t.deepEqual(compile(importAll(declarations) + PRELUDE, [...examples, ...examplesOf(wrong)]), [
    "Wrong: Property 'never' does not exist on type 'Program<AnyFunctions>'.",
  ])
})
