import { limitFlags } from './limit-flags.ts'
import { NETWORK_FLAGS } from './network-flags.ts'

/** The flags of limits and of what is granted of the network, by their names in the library's messages. */
export const FLAG_NAMES: Readonly<Record<string, string>> = Object.fromEntries([
  ...limitFlags('run', 'files', 'network', 'bodies').map(({ limit, name }) => [
    `limits.${limit}`,
    `--${name}`,
  ]),
  ...NETWORK_FLAGS.map(({ name, option }) => [option, `--${name}`]),
])
