// `wasiexec completions` and `wasiexec man`, in this process, and what shells make of the scripts.
import { execFileSync, spawnSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import test from 'ava'
import { call } from '../support/cli.ts'
import { folder } from '../support/guest.ts'

const SHELLS = ['bash', 'zsh', 'fish'] as const

/** The verbs, and the long options of each, as their help has them. */
async function commands(): Promise<Map<string, string[]>> {
  const { stdout } = await call(['--help'])
  const [, list = ''] = stdout.split('Verbs:\n')
  const verbs = [...list.matchAll(/^ {2}(\w+) /gm)].map(([, verb]) => verb!)
  const found = new Map<string, string[]>()
  for (const verb of verbs) {
    if (verb === 'help') continue
    // `worker --help` asks another package.
    const help = (await call(['help', verb])).stdout
    found.set(
      verb,
      [...help.matchAll(/^ {2}(?:-\w, )?(--[\w-]+)/gm)].map(([, option]) => option!),
    )
  }
  return found
}

test('the scripts and the page have every verb with every option', async (t) => {
  const known = await commands()
  t.true(known.size > 8)
  const page = (await call(['man'])).stdout.replaceAll('\\-', '-')
  for (const shell of SHELLS) {
    const { status, stdout, stderr } = await call(['completions', shell])
    t.deepEqual([status, stderr], [0, ''])
    for (const [verb, options] of known) {
      t.true(stdout.includes(verb), `${shell}: ${verb}`)
      t.true(page.includes(`.SH ${verb.toUpperCase()}\n`), verb)
      for (const option of options) {
        const word = shell === 'fish' ? `-l ${option.slice(2)}` : option
        t.true(stdout.includes(word), `${shell}: ${verb} ${option}`)
        t.true(page.includes(option), `${verb} ${option}`)
      }
    }
  }
})

test('the page about the command lists every verb', async (t) => {
  const page = await readFile(new URL('../../docs/cli.md', import.meta.url), 'utf8')
  for (const verb of (await commands()).keys()) t.true(page.includes(`| [\`${verb}\`](`), verb)
})

test('the committed page is fresh', async (t) => {
  const committed = await readFile(new URL('../../man/wasiexec.1', import.meta.url), 'utf8')
  t.is((await call(['man'])).stdout, committed, 'node bin/wasiexec.mjs man > man/wasiexec.1')
})

test('an unknown shell is refused', async (t) => {
  const { status, stderr } = await call(['completions', 'tcsh'])
  t.is(status, 125)
  t.regex(stderr, /bash, zsh, fish/)
  t.is((await call(['completions'])).status, 125)
})

/** What a shell would complete for these words, or undefined where there is no such shell. */
type Completer = (script: string, words: readonly string[]) => string[]

const completers: Record<(typeof SHELLS)[number], Completer> = {
  bash: (script, words) => {
    const list = words.map((word) => `'${word}'`).join(' ')
    const code = `source ${script}; COMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}; _wasiexec; printf '%s\\n' "\${COMPREPLY[@]}"`
    return lines(execFileSync('bash', ['-c', code], { encoding: 'utf8' }))
  },
  zsh: (script, words) => {
    // What the completion system of zsh offers for a line, from a terminal that is not there.
    const code = `
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PROMPT='> '; autoload -U compinit; compinit -u -D; source ${script}; zstyle ':completion:*' list-separator ' -- '; unsetopt beep; stty columns 2000; print ready-\\$((1 + 1))"
zpty -r shell line '*ready-2*'
zpty -n -w shell $'${words.join(' ')}\\t\\C-D'
sleep 1
zpty -r -t shell line
zpty -w shell $'\\nprint done-\\$((1 + 1))'
zpty -r shell rest '*done-2*'
print -r -- "$line$rest"
`
    const screen = execFileSync('zsh', ['-f', '-c', code], { encoding: 'utf8' })
    return [...stripVTControlCharacters(screen).matchAll(/[\w-]+/g)].map(([word]) => word)
  },
  fish: (script, words) => {
    const code = `source ${script}; complete -C '${words.join(' ')}'`
    const found = execFileSync('fish', ['--no-config', '-c', code], { encoding: 'utf8' })
    return lines(found).map((line) => line.split('\t', 1)[0]!)
  },
}

const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '')

for (const shell of SHELLS) {
  const isThere = spawnSync(shell, ['--version']).status === 0
  const run = isThere ? test : test.skip
  run(`${shell} completes verbs, options and their values`, async (t) => {
    const script = join(await folder(t), 'script')
    await writeFile(script, (await call(['completions', shell])).stdout)
    const complete = (...words: string[]): string[] => completers[shell](script, words)
    t.true(complete('wasiexec', 'ins').includes('inspect'))
    t.true(complete('wasiexec', 'run', '--time').includes('--timeout'))
    const values = complete('wasiexec', 'run', '--compiler', '')
    for (const value of ['tiered', 'optimizing', 'baseline']) t.true(values.includes(value), value)
    t.true(complete('wasiexec', 'worker', '--que').includes('--queue'))
    t.true(complete('wasiexec', 'run', '--timeout', '2s', '--comp').includes('--compiler'))
    // What follows the program is for the program.
    t.false(
      complete('wasiexec', 'run', '--timeout', '2s', 'x.wasm', '--comp').includes('--compiler'),
    )
    t.true(complete('wasiexec', 'batch', 'x.wasm', '--comp').includes('--compiler'))
    const split = shell === 'bash' ? ['--compiler', '=', 'ti'] : ['--compiler=ti']
    t.regex(complete('wasiexec', 'run', ...split).join(), /tiered/)
  })
}
