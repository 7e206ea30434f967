// How each package manager installs the package, and how what it installed is started.

/**
 * @typedef {object} Client
 * @property {string} name
 * @property {(url: string) => Record<string, string>} files its settings, by file name
 * @property {string[]} install
 * @property {string[]} node runs a script
 * @property {string[]} command runs `wasiexec`
 */

/**
 * @param {ReturnType<import('./tools.mjs').installTools>} tools
 * @returns {Client[]}
 */
export function clients(tools) {
  const npmrc = (url) => ({ '.npmrc': `registry=${url}\n` })
  const node = [process.execPath]
  const { bun, npm, pnpm, yarn1, yarn4 } = tools
  const all = [
    {
      name: 'npm',
      files: npmrc,
      install: [...npm, 'install', 'wasiexec', '--no-audit', '--no-fund', '--foreground-scripts'],
      node,
      command: [...npm, 'exec', '--offline', '--', 'wasiexec'],
    },
    {
      name: 'pnpm',
      files: npmrc,
      install: [...pnpm, 'add', 'wasiexec'],
      node,
      command: [...pnpm, 'exec', 'wasiexec'],
    },
    {
      name: 'yarn 1',
      files: (url) => ({ '.yarnrc': `registry "${url}"\n` }),
      install: [...yarn1, 'add', 'wasiexec', '--no-progress'],
      node,
      command: [...yarn1, '--silent', 'run', 'wasiexec'],
    },
    ...['pnp', 'node-modules'].map((linker) => ({
      name: `yarn 4, ${linker}`,
      files: (url) => ({
        // A lock file of its own keeps yarn from looking for a project above.
        'yarn.lock': '',
        '.yarnrc.yml': [
          `npmRegistryServer: '${url}'`,
          "unsafeHttpWhitelist: ['127.0.0.1']",
          `nodeLinker: ${linker}`,
          'npmMinimalAgeGate: 0',
          'enableTelemetry: false',
          'enableGlobalCache: false',
          '',
        ].join('\n'),
      }),
      install: [...yarn4, 'add', 'wasiexec'],
      node: [...yarn4, 'node'],
      command: [...yarn4, 'run', 'wasiexec'],
    })),
  ]
  if (bun !== undefined) {
    all.push({
      name: 'Bun',
      files: (url) => ({ 'bunfig.toml': `[install]\nregistry = "${url}"\n` }),
      install: [...bun, 'add', 'wasiexec'],
      node,
      command: [...bun, 'run', '--silent', 'wasiexec'],
    })
  }
  return all
}
