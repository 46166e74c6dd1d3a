// Signing in and out: with the worker's token, identifiers are shown whole.

import { element } from './dom.ts'

let isSetUp = false
let isSignedIn = false

/** Shows the button that fits; what it does is a session cookie, and the page anew. */
export function setUpSession(signedIn: boolean, canSignIn: boolean): void {
  const button = element<HTMLButtonElement>('sign-in')
  isSignedIn = signedIn
  button.hidden = !canSignIn
  button.textContent = signedIn ? 'Sign out' : 'Sign in'
  if (isSetUp) return
  isSetUp = true
  const dialog = element<HTMLDialogElement>('session')
  button.addEventListener('click', () => {
    if (isSignedIn) void signOut()
    else dialog.showModal()
  })
  element('session-close').addEventListener('click', () => dialog.close())
  element('session-form').addEventListener('submit', (event) => {
    event.preventDefault()
    void signIn()
  })
}

async function signIn(): Promise<void> {
  const token = element<HTMLInputElement>('token')
  const response = await fetch('/session', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ token: token.value }),
  })
  if (response.ok) location.reload()
  else element('session-problem').textContent = 'This is not the token of this worker.'
}

async function signOut(): Promise<void> {
  await fetch('/session', { method: 'DELETE' })
  location.reload()
}
