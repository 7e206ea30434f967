import { isOpen } from './job-lists.ts'

/** What the page's script sets, and no update takes back. */
const OWN: ReadonlySet<string> = new Set(['aria-pressed', 'data-off', 'hidden', 'open'])

/**
 * Makes an element equal to another, with as few changes as possible: what has the focus, is open or is scrolled stays so.
 * Elements with the same key are the same element. `data-own` is an element of the page's script, and `data-same` says
 * that nothing has changed.
 */
export function morph(old: Element, next: Element): void {
  if (old.hasAttribute('data-own') || next.hasAttribute('data-same')) return
  const before = [...old.attributes]
  for (const { name } of before) {
    if (!OWN.has(name) && !next.hasAttribute(name)) old.removeAttribute(name)
  }
  for (const { name, value } of next.attributes) {
    if (!OWN.has(name) && old.getAttribute(name) !== value) old.setAttribute(name, value)
  }
  morphChildren(old, next)
}

function morphChildren(old: Element, next: Element): void {
  const wanted = [...next.childNodes]
  const keys = new Set(wanted.map(keyOf))
  const keyed = new Map<string, ChildNode>()
  const children = [...old.childNodes]
  for (const child of children) {
    const key = keyOf(child)
    if (key === undefined) continue
    if (keys.has(key)) keyed.set(key, child)
    else if (!isRead(child)) child.remove()
  }
  let at = skip(old.firstChild, keys)
  for (const node of wanted) {
    const key = keyOf(node)
    const match = key === undefined ? (isLike(at, node) ? at : undefined) : keyed.get(key)
    if (match === at && match !== null) at = skip(at!.nextSibling, keys)
    else old.insertBefore(match ?? node, at)
    if (match) update(match, node)
  }
  while (at !== null) {
    const left = at
    at = skip(at.nextSibling, keys)
    left.remove()
  }
}

/** Goes past rows that stay although they are not wanted. */
function skip(node: ChildNode | null, keys: ReadonlySet<string | undefined>): ChildNode | null {
  let at = node
  while (at !== null && keyOf(at) !== undefined && !keys.has(keyOf(at))) at = at.nextSibling
  return at
}

function update(old: ChildNode, next: ChildNode): void {
  if (old instanceof Element) morph(old, next as Element)
  else if (old.nodeValue !== next.nodeValue) old.nodeValue = next.nodeValue
}

/** Whether a node without a key can become another one. */
function isLike(old: ChildNode | null, next: ChildNode): boolean {
  if (old === null || keyOf(old) !== undefined || old.nodeName !== next.nodeName) return false
  return !(old instanceof Element) || old.classList[0] === (next as Element).classList[0]
}

function keyOf(node: Node): string | undefined {
  if (!(node instanceof Element)) return undefined
  return node.getAttribute('data-key') ?? (node.id === '' ? undefined : node.id)
}

/** A row that somebody reads stays until it is closed. */
function isRead(node: ChildNode): boolean {
  return node instanceof HTMLElement && node.dataset['group'] !== undefined && isOpen(node)
}
