// The tool of docs/migrating.md as a native program: as much of guests/src/rust/modes.rs as the snippets need.
const [mode, value] = process.argv.slice(2)
switch (mode) {
  case 'cat':
    process.stdin.pipe(process.stdout)
    break
  case 'exit':
    console.log('before exit')
    process.exitCode = Number(value)
    break
  case 'bigout':
    process.stdout.write('x'.repeat(Number(value)))
    break
  case 'spin':
    for (;;);
  default:
    throw new Error(`unknown mode ${mode}`)
}
