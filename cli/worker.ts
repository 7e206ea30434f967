import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { CliError } from './status.ts'
import type { Verb } from './verb.ts'
import { WORKER_FLAGS } from './worker-flags.ts'

/** What has the verb, for those who need it. */
const PACKAGE = '@wasiexec/bullmq'

export const verb: Verb = {
  describe(command) {
    command
      .description(`Runs the jobs of a queue. It is in the package ${PACKAGE}.`)
      .usage('--queue <name> [options]')
      .argument('[words...]')
      .configureHelp({ visibleArguments: () => [] })
      .helpOption('-h, --help', 'print this help')
    for (const { title, flags } of WORKER_FLAGS) {
      if (title !== undefined) command.optionsGroup(title)
      for (const { usage, what } of flags)
        if (!usage.includes('--help')) command.option(usage, what)
    }
    // The package reads them.
    command.parseOptions = (argv) => ({ operands: argv, unknown: [] })
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
