// Which packages a release has. This needs nothing that has to be installed, since what publishes installs nothing.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The platforms that have a package, such as `linux-x64-musl`. */
export const platforms = readdirSync(join(root, 'npm'))

/** The folders of the packages that are built on the package, such as `packages/bullmq`. */
export const companions = readdirSync(join(root, 'packages')).map((name) => `packages/${name}`)
