import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { CliError } from './status.ts'
import type { Verb } from './verb.ts'

/** What has the verb, for those who need it. */
const PACKAGE = '@wasiexec/bullmq'

export const verb: Verb = {
  describe(command) {
    command
      .description('Runs the jobs of a queue. `wasiexec worker --help` lists the options.')
      .allowUnknownOption()
      .helpOption(false)
      .argument('[options...]')
  },

  async execute(io, args) {
    const { main } = await load()
    return main(args, io)
  },
}

/** Looks beside this package, and in the folder where the command was called. */
async function load(): Promise<{ main: (argv: readonly string[], io: object) => Promise<number> }> {
  for (const from of [import.meta.url, pathToFileURL(join(process.cwd(), 'package.json'))]) {
    let path
    try {
      path = createRequire(from).resolve(`${PACKAGE}/command`)
    } catch {
      continue
    }
    return import(pathToFileURL(path).href)
  }
  throw new CliError(`the verb worker is in ${PACKAGE}: npm install ${PACKAGE}`)
}
