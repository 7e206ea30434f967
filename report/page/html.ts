/** Markup that was made here; everything else in a template is text. */
export class Html {
  readonly markup: string

  constructor(markup: string) {
    this.markup = markup
  }
}

type Part = Html | string | number | false | undefined | null | readonly Part[]

export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return new Html(String.raw({ raw: strings }, ...parts.map((part) => markup(part))))
}

function markup(part: Part): string {
  if (part === undefined || part === null || part === false) return ''
  if (part instanceof Html) return part.markup
  if (typeof part === 'object') return part.map((each) => markup(each)).join('')
  return escape(plain(String(part)))
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character]!)
}

/**
 * What a page would not show, or would do instead: control characters, and those that change the direction of the
 * text around them, or hide. Line feeds and tabs are text; half a surrogate pair is not.
 */
const UNSEEN =
  // oxlint-disable-next-line no-control-regex
  /[\0-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff\u{e0000}-\u{e007f}\ud800-\udfff]/gu

const RUNS = new RegExp(`(?:${UNSEEN.source})+`, 'gu')

/** The control picture, or the code point's number. */
function name(character: string): string {
  const code = character.codePointAt(0)!
  if (code < 0x20) return String.fromCodePoint(0x2400 + code)
  if (code === 0x7f) return '\u2421'
  if (code >= 0xd800 && code <= 0xdfff) return '\ufffd'
  return `[U+${code.toString(16).toUpperCase().padStart(4, '0')}]`
}

/** Text with names in place of invisible characters. */
export function plain(text: string): string {
  return text.replaceAll(UNSEEN, name)
}

/** What a guest printed; the names of invisible characters are set apart from its own text. */
export function guestText(text: string): Html {
  let markup = ''
  let from = 0
  const lines = text.replaceAll('\r\n', '\n')
  for (const match of lines.matchAll(RUNS)) {
    markup += escape(lines.slice(from, match.index))
    markup += `<i class="unseen">${plain(match[0])}</i>`
    from = match.index + match[0].length
  }
  return new Html(markup + escape(lines.slice(from)))
}

/** JSON that can end neither its script element nor, in old engines, a line of script. */
export function jsonScript(id: string, value: unknown): Html {
  const json = JSON.stringify(value).replaceAll(
    /[<\u2028\u2029]/g,
    (character) => `\\u${character.codePointAt(0)!.toString(16).padStart(4, '0')}`,
  )
  return html`<script type="application/json" id="${id}">
    ${new Html(json)}
  </script>`
}
