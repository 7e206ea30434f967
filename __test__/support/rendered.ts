// What a terminal shows after all that was written to it.
import xterm from '@xterm/headless'

/** The rows of a terminal of this width, without blanks at their ends and without empty rows at the end. */
export async function rendered(written: string, columns = 80): Promise<string[]> {
  const terminal = new xterm.Terminal({ cols: columns, rows: 200, allowProposedApi: true })
  await new Promise<void>((resolve) => terminal.write(written, resolve))
  const { active } = terminal.buffer
  const rows: string[] = []
  for (let y = 0; y < active.length; y += 1)
    rows.push(active.getLine(y)!.translateToString(true).trimEnd())
  while (rows.at(-1) === '') rows.pop()
  return rows
}
