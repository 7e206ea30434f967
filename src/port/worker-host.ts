// Whether this process can have worker processes. They are its own executable, told to be a Node with `-e`.

/** What there is to know of a process. */
export interface Host {
  versions: Readonly<Record<string, string | undefined>>
  /** Node's own word; Bun and Deno have none. */
  isSea: boolean
  /** The main script. */
  script: string | undefined
  /** The mark that every worker has in its environment. */
  mark: string | undefined
}

/** Where Bun's single executables have their files. */
const BUN_FOLDER = /^(?:\/\$bunfs\/|[A-Z]:[\\/]~BUN[\\/])/

/** Why a process can have threads alone, in words that go after "'threads'". */
export function whyThreadsAlone(host: Host = thisProcess()): string | undefined {
  if (host.mark !== undefined) return 'in a worker process'
  const { deno, electron, pkg } = host.versions
  if (deno !== undefined) return 'under Deno'
  // Its executable is the application.
  if (electron !== undefined) return 'under Electron'
  if (host.isSea || pkg !== undefined || BUN_FOLDER.test(host.script ?? ''))
    return 'in a single executable'
  return undefined
}

function thisProcess(): Host {
  const sea = process.getBuiltinModule('node:sea') as { isSea(): boolean } | undefined
  return {
    versions: process.versions,
    isSea: sea?.isSea() ?? false,
    script: process.argv[1],
    mark: process.env['WASIEXEC_WORKER'],
  }
}
