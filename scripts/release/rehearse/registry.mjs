// A registry on this machine, which has nothing but what is published to it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'

const CONFIG = `
storage: ./storage
uplinks: {}
packages:
  '**':
    access: $all
    publish: $anonymous
max_body_size: 200mb
web:
  enable: false
log: { type: stdout, level: warn }
`

/**
 * Starts verdaccio in a folder.
 * @param {string[]} verdaccio how it is started
 * @param {string} folder
 * @returns {Promise<{ url: string, stop: () => void }>}
 */
export async function startRegistry([program, ...args], folder) {
  mkdirSync(folder, { recursive: true })
  const config = join(folder, 'config.yaml')
  writeFileSync(config, CONFIG)
  const listen = `127.0.0.1:${await freePort()}`
  const child = spawn(program, [...args, '--config', config, '--listen', listen], {
    stdio: ['ignore', 'ignore', 'inherit'],
    // It warns about the user that it runs as.
    env: { ...process.env, NODE_NO_WARNINGS: '1' },
  })
  const url = `http://${listen}/`
  for (let tries = 0; tries < 600; tries += 1) {
    if (child.exitCode !== null) break
    const answer = await fetch(`${url}-/ping`).catch(() => undefined)
    if (answer?.ok) return { url, stop: () => child.kill() }
    await setTimeout(100)
  }
  child.kill()
  throw new Error('verdaccio did not start within a minute')
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  return port
}
