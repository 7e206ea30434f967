import { InvalidArgumentError, type Command } from 'commander'
import type { RunOptions } from '../src/index.ts'

type Entries = Record<string, string>

/** What {@link addStoreOptions} adds, as commander names it. */
export interface StoreFlags {
  config?: Entries
  keyvalue?: Record<string, Entries>
}

/** What a component of `run` and `batch` is told, and what it may keep while it runs. */
export function addStoreOptions(command: Command): void {
  command
    .option('--config <name=value>', 'what wasi:config tells; may be repeated', addConfig)
    .option(
      '--keyvalue <bucket/key=value>',
      'a bucket of wasi:keyvalue with a key, or BUCKET/ for an empty one; may be repeated',
      addKey,
    )
}

export function storeOptions({ config, keyvalue }: StoreFlags): RunOptions {
  return { config, keyvalue }
}

function addConfig(text: string, previous: Entries = {}): Entries {
  const [name, value] = split(text, '=')
  if (value === undefined) throw new InvalidArgumentError('Expected NAME=VALUE.')
  return { ...previous, [name]: value }
}

function addKey(text: string, previous: Record<string, Entries> = {}): Record<string, Entries> {
  const [bucket, entry] = split(text, '/')
  const [key, value] = split(entry ?? '=', '=')
  if (entry === undefined || (entry !== '' && value === undefined))
    throw new InvalidArgumentError('Expected BUCKET/KEY=VALUE or BUCKET/.')
  const added = value === undefined ? {} : { [key]: value }
  return { ...previous, [bucket]: { ...previous[bucket], ...added } }
}

/** What is before the first separator, and what is behind it. */
function split(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator)
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}
