import type { Command } from 'commander'
import type { RunOptions } from '../src/index.ts'
import { size } from './parse.ts'

/** What {@link addNetworkOptions} adds, as commander names it. */
export interface NetworkFlags {
  allowNet?: string[]
  listen?: string[]
  allowDns?: string[]
  allowHttp?: string[]
  maxSent?: number
  maxReceived?: number
}

/** What runs may use of the network. */
export function addNetworkOptions(command: Command): void {
  command
    .optionsGroup('What the program may use of the network:')
    .option(
      '--allow-net <rule>',
      'addresses to connect and send to, [tcp:|udp:]HOST:PORTS; may be repeated',
      append,
    )
    .option('--listen <rule>', 'addresses to listen on; port 0 is any; may be repeated', append)
    .option('--allow-dns <name>', 'a name to look up, such as *.internal; may be repeated', append)
    .option(
      '--allow-http <origin>',
      'origins to send requests to, such as https://*.example.com; may be repeated',
      append,
    )
    .option('--max-sent <size>', 'bytes that it may send through all of these: 1MiB', size)
    .option('--max-received <size>', 'bytes that it may receive', size)
}

export function networkOptions({
  allowNet,
  listen,
  allowDns,
  allowHttp,
}: NetworkFlags): Pick<RunOptions, 'network' | 'http'> {
  const http = allowHttp === undefined ? {} : { http: { allow: allowHttp } }
  if (allowNet === undefined && listen === undefined && allowDns === undefined) return http
  return { network: { allow: allowNet, listen, dns: allowDns }, ...http }
}

function append(text: string, previous: string[] = []): string[] {
  return [...previous, text]
}
