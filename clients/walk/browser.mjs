// Chromium, and what a person does in it.

import { existsSync } from 'node:fs'
import { chromium } from 'playwright-core'
import { PATIENCE } from './patience.mjs'

/** Chromium calls its maker's servers at every start unless told not to, which no test should. */
const QUIET = [
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-gpu',
  '--disable-quic',
  '--disable-sync',
  '--no-first-run',
]

/** Where Debian and others put it. */
const PROGRAMS = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

export async function launch() {
  const executablePath = PROGRAMS.find((path) => path && existsSync(path))
  if (!executablePath) throw new Error('there is no Chromium; CHROMIUM may name one')
  // Chromium's own sandbox does not work for root, who runs tests in containers.
  return chromium.launch({ executablePath, args: QUIET, chromiumSandbox: process.geteuid?.() !== 0 })
}

/** A person's browser, with nothing in it. */
export async function person(browser, options) {
  const context = await browser.newContext({ locale: 'en-US', ...options })
  context.setDefaultTimeout(PATIENCE)
  return context
}

/** Fills in the login page, by the ids that Keycloak's has, and leaves it. */
export async function signIn(page, username, password) {
  await page.fill('#username', username)
  await page.fill('#password', password)
  await page.click('#kc-login')
}

/** All the text of a page. */
export async function text(page) {
  return (await page.innerText('body')).trim()
}

/** Goes to an address and reads what is there in the end. */
export async function read(page, url) {
  await page.goto(url)
  return text(page)
}
