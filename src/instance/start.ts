import { invalid } from '../check.ts'
import type { Returned } from '../outcome.ts'
import type { LocalOptions } from '../port/encode-options.ts'
import type { Port } from '../port/port.ts'
import type { Prepared } from '../port/prepared.ts'
import type { RunOwner } from '../port/run-target.ts'
import { InstanceLink } from './link.ts'
import { InstanceState } from './state.ts'

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
  const state = new InstanceState(port, owner, signal)
  state.number = port.instantiate(state, prepared)
  making?.add(state)
  try {
    const initialization = await state.started
    return { link: new InstanceLink(state), initialization }
  } finally {
    making?.delete(state)
  }
}
