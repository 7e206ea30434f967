import { invalid } from '../check.ts'
import type { ProgramImports } from '../imports.ts'
import type { Returned } from '../outcome.ts'
import type { LocalOptions } from '../port/encode-options.ts'
import type { Port } from '../port/port.ts'
import type { Prepared } from '../port/prepared.ts'
import type { RunOwner } from '../port/run-target.ts'
import { ComponentExports } from './component-calls.ts'
import { InstanceLink, type Exports } from './link.ts'
import { ModuleExports } from './module-exports.ts'
import { InstanceState, type Description } from './state.ts'

/** An instance that can be called. */
export interface Started {
  readonly link: InstanceLink
  readonly initialization: Returned<readonly []>
}

/** @throws {WasiexecError} `ERR_INVALID_OPTION`, if files are asked for. */
export function checkCollectsNothing({ collects }: LocalOptions, options: object): void {
  if (!collects) return
  const { collect } = options as { collect?: unknown }
  throw invalid('collect', 'absent: files are collected at the end of a run', collect)
}

const descriptions = new WeakMap<RunOwner, ExportsDescription>()

function descriptionOf(owner: RunOwner): ExportsDescription {
  let description = descriptions.get(owner)
  if (description === undefined) {
    description = new ExportsDescription(owner.imports)
    descriptions.set(owner, description)
  }
  return description
}

class ExportsDescription implements Description {
  readonly #imports: ProgramImports
  #exports: Exports | undefined

  constructor(imports: ProgramImports) {
    this.#imports = imports
  }

  get isKnown(): boolean {
    return this.#exports !== undefined
  }

  /** Known once an instance was made. */
  get exports(): Exports {
    return this.#exports!
  }

  learn(types: unknown): void {
    const { kind, ofComponent } = this.#imports
    this.#exports =
      kind === 'component' ? new ComponentExports(types, ofComponent) : new ModuleExports(types)
  }
}

/**
 * Makes an instance with options that were checked.
 *
 * @param making Has the instance until it can be called.
 */
export async function start(
  port: Port,
  owner: RunOwner,
  prepared: Prepared,
  making?: Set<InstanceState>,
): Promise<Started> {
  const { signal } = prepared.local
  signal?.throwIfAborted()
  const description = descriptionOf(owner)
  const state = new InstanceState(port, owner, signal, description)
  state.number = port.instantiate(state, prepared)
  making?.add(state)
  try {
    const initialization = await state.started
    return { link: new InstanceLink(state, description.exports), initialization }
  } finally {
    making?.delete(state)
  }
}
