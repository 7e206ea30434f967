const dark = matchMedia('(prefers-color-scheme: dark)')

/** The switch between light and dark. It follows the system until it is used. Paper is always light. */
export function theme(changed: () => void): void {
  const root = document.documentElement
  const button = document.getElementById('theme')!
  const isDark = (): boolean =>
    root.dataset['theme'] === undefined ? dark.matches : root.dataset['theme'] === 'dark'
  const update = (): void => {
    button.ariaChecked = String(isDark())
    changed()
  }
  button.hidden = false
  button.addEventListener('click', () => {
    root.dataset['theme'] = isDark() ? 'light' : 'dark'
    update()
  })
  dark.addEventListener('change', update)
  let before: string | undefined
  addEventListener('beforeprint', () => {
    before = root.dataset['theme']
    root.dataset['theme'] = 'light'
    changed()
  })
  addEventListener('afterprint', () => {
    if (before === undefined) delete root.dataset['theme']
    else root.dataset['theme'] = before
    changed()
  })
  button.ariaChecked = String(isDark())
}
