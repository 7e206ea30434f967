/** How a server is started; options follow. */
export interface Server {
  readonly name: string
  readonly command: readonly string[]
}

export function servers(): Server[]
export function provideServers(): Server[]
