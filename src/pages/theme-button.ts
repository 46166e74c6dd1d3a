// The switch between dark and light, remembered in this browser.

import { element } from './dom.ts'

const dark = matchMedia('(prefers-color-scheme: dark)')

function isDark(): boolean {
  const chosen = document.documentElement.dataset['theme']
  return chosen === undefined ? dark.matches : chosen === 'dark'
}

/** @param onChange  told when colours changed */
export function setUpTheme(onChange: () => void): void {
  const button = element('theme')
  const say = () => {
    button.textContent = isDark() ? 'Light' : 'Dark'
  }
  button.addEventListener('click', () => {
    const next = isDark() ? 'light' : 'dark'
    document.documentElement.dataset['theme'] = next
    localStorage.setItem('theme', next)
    say()
    onChange()
  })
  dark.addEventListener('change', () => {
    say()
    onChange()
  })
  say()
}
