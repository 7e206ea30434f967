import type { Command } from 'commander'
import type { RunOptions } from '../src/index.ts'
import { NETWORK_FLAGS, networkGrants } from './network-flags.ts'
import { addLimits } from './limits.ts'

/** What {@link addNetworkOptions} adds, as commander names it. */
export interface NetworkFlags {
  allowNet?: string[]
  listen?: string[]
  allowDns?: string[]
  allowHttp?: string[]
}

/** What runs may use of the network. */
export function addNetworkOptions(command: Command): void {
  command.optionsGroup('What the program may use of the network:')
  for (const { name, value, what } of NETWORK_FLAGS) {
    command.option(`--${name} <${value}>`, what, append)
  }
  addLimits(command, ['network'])
}

export function networkOptions(flags: NetworkFlags): Pick<RunOptions, 'network' | 'http'> {
  const { allowNet, listen, allowDns, allowHttp } = flags
  return networkGrants({
    'allow-net': allowNet,
    listen,
    'allow-dns': allowDns,
    'allow-http': allowHttp,
  })
}

function append(text: string, previous: string[] = []): string[] {
  return [...previous, text]
}
