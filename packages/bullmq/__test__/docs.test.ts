// The examples of docs/scale-out.md print what stands below them.
import { spawn } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ended } from '../../../__test__/support/child.ts'
import { openWorker, watPath } from './support/queues.ts'
import { onOne } from './support/servers.ts'

/** Below the repository, so that both packages are found. */
const FOLDERS = fileURLToPath(new URL('../../../guests/.unpacked', import.meta.url))
const PAGE = fileURLToPath(new URL('../../../docs/scale-out.md', import.meta.url))
const PROGRAMS = { 'copy.wasm': 'cat', 'exit.wasm': 'exit-argv' }

onOne('the examples of docs/scale-out.md print what stands below them', async (t, server) => {
  const text = await readFile(PAGE, 'utf8')
  const blocks = [...text.matchAll(/```js\n([^]*?)```\n\n```text\n([^]*?)```/g)]
  t.is(blocks.length, 4)
  await mkdir(FOLDERS, { recursive: true })
  const folder = await mkdtemp(join(FOLDERS, 'queue-docs-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  for (const [name, guest] of Object.entries(PROGRAMS)) await cp(watPath(guest), join(folder, name))
  // The queue of the examples.
  await openWorker(t, server, {}, 'grading')
  for (const [index, [, code, printed]] of blocks.entries()) {
    const file = join(folder, `example-${index}.mjs`)
    await writeFile(file, code!.replaceAll('redis://127.0.0.1:6379', server.url))
    const node = [file]
    const child = spawn(process.execPath, node, { cwd: folder })
    const { stdout, stderr } = await ended(child)
    t.is(stdout, printed!, `${code}\n${stderr}`)
    t.is(stderr, '')
  }
})
