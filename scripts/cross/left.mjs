// Tests that cannot run on a machine for a foreign addon, with the reason.

/** @typedef {{ file?: string, title?: string, reason: string }} Left By the beginning of a file's name, or by title. */

const TOOLS = 'the tools that build its programs would be installed and run under emulation'

/** @type {Left[]} */
const EVERYWHERE = [
  { file: '__test__/api/tour.test.ts', reason: TOOLS },
  { file: '__test__/api/interpreters.test.ts', reason: TOOLS },
  { file: '__test__/page/', reason: 'pages in a browser do not depend on the platform' },
  { file: 'packages/', reason: 'queues do not depend on the platform' },
  {
    file: '__test__/project/',
    reason: 'the package and its sources do not depend on the platform',
  },
]

const SLOW = 'wine makes less than a hundredth of the runs a second that it counts on'
const NAMES = 'wine looks up no names, not even localhost, and not for Node either'
const RESERVED = 'wine keeps a byte for each page of reserved address space'

/** @type {Left[]} */
const WINE = [
  { file: '__test__/batch/many.test.ts', reason: SLOW },
  { file: '__test__/batch/memory.test.ts', reason: SLOW },
  { file: '__test__/cli/batch-kill.test.ts', reason: SLOW },
  { file: '__test__/cli/batch-output.test.ts', reason: SLOW },
  { title: 'fuel is the same number in first, cached and precompiled starts', reason: SLOW },
  { title: 'a timeout counts from the start of the guest, not from the queue', reason: SLOW },
  { title: 'the runs of a worker that was terminated are aborted*', reason: SLOW },
  { title: 'many jobs are few arrays with each result once*', reason: SLOW },
  { title: 'memory stays where it is over many runs', reason: RESERVED },
  { title: 'closed runtimes give back their address space*', reason: RESERVED },
  {
    title: 'an entry is written once and read from then on',
    reason: 'wine refuses to map code as wasmtime does, so that each load compiles',
  },
  ...[
    'with TLS, a server has to prove what it is',
    'a name that only a pattern allows leads to no address of this machine',
    'a guest sends requests to the origins that a rule allows',
    'what one run has looked up is nothing to the next',
    'names are looked up if they are granted, and their addresses are checked',
  ].map((title) => ({ title, reason: NAMES })),
  {
    title: 'a guest serves clients, and its listener ends with it',
    reason: 'wine resets a connection to a port where nobody listens, instead of refusing it',
  },
  {
    title: 'every function of WASI 0.1 returns for every wrong value what it returns for a folder',
    reason: 'folders of Windows have other errors',
  },
  {
    title: 'a results file has one writer',
    reason: 'wine lets two processes listen on one pipe',
  },
]

/** What is left out on the machine for a target. */
export function leftOut(name) {
  return name === 'windows-x64' ? [...EVERYWHERE, ...WINE] : EVERYWHERE
}
