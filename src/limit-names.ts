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
