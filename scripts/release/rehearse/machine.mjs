// Programs are run as on a new machine: with an empty home, and without the settings that `npm run` passes on.
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'

/**
 * @param {string} home an empty folder
 * @returns a function that runs a program to its end; an exit status other than 0 is an error with all that it printed
 */
export function machine(home) {
  const own = { HOME: home, USERPROFILE: home, CI: 'true', NO_COLOR: '1' }
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(?:npm_|xdg_|init_cwd$|force_color$)/i.test(name),
  )
  return async function run([program, ...args], cwd, more = {}) {
    const child = spawn(program, args, {
      cwd,
      env: { ...Object.fromEntries(inherited), ...own, ...more },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const closed = new Promise((resolve, reject) => {
      child.once('close', resolve).once('error', reject)
    })
    const [stdout, stderr, status] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      closed,
    ])
    if (status !== 0)
      throw new Error(`${args.join(' ')}: exit status ${status}\n${stdout}${stderr}`.trim())
    return { stdout, stderr }
  }
}
