import { createServer, connect, type Server } from 'node:net'
import { unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * Takes a name that only one process on this machine can have: the name of a socket. The operating system
 * frees it when the process ends, even by SIGKILL. Returns a function that frees the name, or `undefined`
 * when another process has it.
 */
export async function lock(name: string): Promise<(() => void) | undefined> {
  const address = addressOf(name)
  let server: Server | undefined
  try {
    server = (await listen(address)) ?? (await listenAgain(address))
  } catch {
    // Without such sockets there is no lock.
    return () => {}
  }
  // The process must not wait for connections.
  server?.unref()
  return server && (() => void server.close())
}

function addressOf(name: string): string {
  if (process.platform === 'win32') return `\\\\.\\pipe\\${name}`
  // Linux has names of sockets outside of the file system.
  if (process.platform === 'linux') return `\0${name}`
  return join(tmpdir(), `${name}.sock`)
}

function listen(address: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined)
      else reject(error)
    })
    server.listen(address, () => resolve(server))
  })
}

/** The file of a socket stays when its process is killed. */
async function listenAgain(address: string): Promise<Server | undefined> {
  if (process.platform === 'linux' || process.platform === 'win32') return undefined
  if (await isServed(address)) return undefined
  await unlink(address).catch(() => {})
  return listen(address)
}

function isServed(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(address)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
