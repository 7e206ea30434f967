import { Option, type Command } from 'commander'
import { limitFlags, type LimitKind, type LimitName } from './limit-flags.ts'
import { limit } from './parse.ts'

/** What happens at a limit, where there is a choice. */
const CHOICES: Partial<Record<LimitName, () => Option>> = {
  memoryBytes: () =>
    new Option(
      '--on-memory <what>',
      'end the run, or let the program see that it gets no more memory',
    )
      .choices(['stop', 'deny'])
      .default('stop', 'stop with --memory, else deny'),
  outputBytes: () =>
    new Option('--on-output <what>', 'end the run, or drop the rest')
      .choices(['stop', 'truncate'])
      .default('stop'),
}

/** The limits of these kinds. At those of `ending` the run ends in any case. */
export function addLimits(
  command: Command,
  kinds: readonly LimitKind[],
  ending: readonly LimitName[] = [],
): void {
  for (const { limit: name, usage, value, what, default: most } of limitFlags(...kinds)) {
    const text = most === undefined ? what : `${what} (default: ${most})`
    command.option(usage, text, limit(value))
    const choice = ending.includes(name) ? undefined : CHOICES[name]?.()
    if (choice !== undefined) command.addOption(choice)
  }
}
