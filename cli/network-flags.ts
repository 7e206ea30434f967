import type { RunOptions } from '../src/index.ts'

/** What a program may use of the network, for `run`, `batch` and `serve`, and for the worker of a queue. */
export const NETWORK_FLAGS = [
  {
    name: 'allow-net',
    value: 'rule',
    what: 'addresses to connect and send to, [tcp:|udp:]HOST:PORTS; may be repeated',
    option: 'network.allow',
  },
  {
    name: 'listen',
    value: 'rule',
    what: 'addresses to listen on; port 0 is any; may be repeated',
    option: 'network.listen',
  },
  {
    name: 'allow-dns',
    value: 'name',
    what: 'a name to look up, such as *.internal; may be repeated',
    option: 'network.dns',
  },
  {
    name: 'allow-http',
    value: 'origin',
    what: 'origins to send requests to, such as https://*.example.com; may be repeated',
    option: 'http.allow',
  },
] as const

/** The values of these options, by name. */
export type NetworkRules = Partial<
  Record<(typeof NETWORK_FLAGS)[number]['name'], string[] | undefined>
>

/** The options of a run with these rules; none without any. */
export function networkGrants({
  'allow-net': allow,
  listen,
  'allow-dns': dns,
  'allow-http': origins,
}: NetworkRules): Pick<RunOptions, 'network' | 'http'> {
  const http = origins === undefined ? {} : { http: { allow: origins } }
  if (allow === undefined && listen === undefined && dns === undefined) return http
  return { network: { allow, listen, dns }, ...http }
}
