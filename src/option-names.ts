/** The names of the options of a run. */
export const RUN_OPTIONS = [
  'args',
  'env',
  'stdin',
  'stdout',
  'stderr',
  'onBrokenPipe',
  'preopens',
  'files',
  'filesAt',
  'collect',
  'network',
  'http',
  'config',
  'keyvalue',
  'clock',
  'randomSeed',
  'limits',
  'signal',
  'imports',
] as const

/** The names of the limits of a run. */
export const LIMITS = [
  'timeoutMs',
  'cpuMs',
  'fuel',
  'memoryBytes',
  'onMemory',
  'outputBytes',
  'onOutput',
  'filesBytes',
  'filesCount',
  'sockets',
  'networkSentBytes',
  'networkReceivedBytes',
  'requestBytes',
  'responseBytes',
] as const

/** The names without these. */
export function without<Name extends string, Omitted extends string>(
  names: readonly Name[],
  omitted: readonly Omitted[],
): Exclude<Name, Omitted>[] {
  const others: readonly string[] = omitted
  return names.filter((name): name is Exclude<Name, Omitted> => !others.includes(name))
}
