import { createReadStream } from 'node:fs'
import { mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { InvalidArgumentError, type Command } from 'commander'
import type { Files, Outcome, RunOptions } from '../src/index.ts'
import { filePath } from './parse.ts'
import { CliError } from './status.ts'
import { bytes } from './wording.ts'

/** What `--file` names. */
export interface GuestFile {
  guest: string
  host: string
}

/** Files that the program is given. */
export function addFileOption(command: Command): void {
  command
    .optionsGroup('Files in memory:')
    .option(
      '--file <guest=host>',
      'a file, or a folder with all below it, as a copy that the program may change; may be repeated',
      guestFile,
    )
}

/** Files that the program is given, and those that are kept. */
export function addFilesOptions(command: Command, collectTo: string): void {
  addFileOption(command)
  command
    .option(
      '--collect <pattern>',
      'files of the program to keep: out.txt, out/*.png, out/**; may be repeated',
      append,
    )
    .option('--collect-to <folder>', collectTo, filePath)
}

/** `GUEST=HOST`. */
function guestFile(text: string, previous: GuestFile[] = []): GuestFile[] {
  const equals = text.indexOf('=')
  const [guest, host] = [text.slice(0, Math.max(equals, 0)), text.slice(equals + 1)]
  if (guest === '' || host === '')
    throw new InvalidArgumentError('It must be GUEST=HOST, as in in.txt=data/in.txt.')
  if (guest.startsWith('/'))
    throw new InvalidArgumentError(
      'The guest path must be relative, as in in.txt=data/in.txt; the program sees it at /in.txt.',
    )
  if (previous.some((file) => file.guest === guest))
    throw new InvalidArgumentError(`The guest path ${guest} is given twice.`)
  return [...previous, { guest, host }]
}

/** Each time the option is given, one more. */
function append(text: string, previous: string[] = []): string[] {
  return [...previous, text]
}

/** What {@link addFilesOptions} adds, as commander names it. */
export interface FileFlags {
  file?: GuestFile[]
  collect?: string[]
  collectTo?: string
}

/** Throws if no files would go to the folder. */
export function checkCollectTo({ collect, collectTo }: FileFlags): void {
  if (collectTo !== undefined && collect === undefined)
    throw new CliError('--collect-to needs --collect, which says which files')
}

/** Throws if collected files would go nowhere. */
export function checkCollect(flags: FileFlags & { json?: boolean }): void {
  const { json, collect, collectTo } = flags
  checkCollectTo(flags)
  if (collect !== undefined && collectTo === undefined && json !== true)
    throw new CliError('--collect needs --collect-to, a folder for the files, or --json')
}

/** The options of a run with these files; none without any. */
export async function readGuestFiles(
  { file: given, collect }: FileFlags,
  maxBytes: number = MAX_BYTES,
): Promise<RunOptions> {
  if (given === undefined && collect === undefined) return {}
  const files = noFiles()
  for (const { guest, host } of given ?? []) {
    try {
      files[guest] = await readGiven(host, maxBytes)
    } catch (error) {
      const { message } = error as Error
      throw new CliError(`--file ${guest}=${host}: ${message}`, { cause: error })
    }
  }
  return { files, collect }
}

/** Of what has no size: a device may have no end. */
const MAX_BYTES = 1 << 30

async function readGiven(host: string, maxBytes: number): Promise<Uint8Array | Files> {
  const stats = await stat(host)
  if (stats.isDirectory()) return folder(host)
  if (stats.isFile()) return readFile(host)
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of createReadStream(host) as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > maxBytes)
      throw new Error(`expected at most ${bytes(maxBytes)} of what is not a regular file, got more`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** Without a prototype, because a file may be called `__proto__`. */
function noFiles(): Record<string, Uint8Array | Files> {
  return Object.create(null) as Record<string, Uint8Array | Files>
}

/** All files below a folder. Symbolic links and devices are left out. */
async function folder(host: string): Promise<Files> {
  const entries = await readdir(host, { withFileTypes: true, recursive: true })
  const files = noFiles()
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name)
    const name = path.slice(join(host, sep).length).split(sep).join('/')
    if (entry.isDirectory()) files[`${name}/`] = {}
    else if (entry.isFile()) files[name] = await readFile(path)
  }
  return files
}

/** Writes the files below a folder, which is made if it is not there. */
export async function writeCollected(
  to: string,
  files: Outcome['files'] = new Map(),
): Promise<void> {
  for (const [path, content] of files) {
    // The program chose the names: on Windows these would be other folders or streams.
    if (sep === '\\' && /[\\:]/.test(path))
      throw new CliError(
        `cannot write the collected file ${JSON.stringify(path)}: its name has \\ or :`,
      )
    const file = join(to, path)
    try {
      await mkdir(dirname(file), { recursive: true })
      await writeFile(file, content)
    } catch (error) {
      throw new CliError(`cannot write ${file}: ${(error as Error).message}`, { cause: error })
    }
  }
}
