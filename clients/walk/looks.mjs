// What a page must be for everybody who looks at it, or does not.

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
/** WCAG 2.2 AA, and what axe knows beyond it. */
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']
/** The same picture each time. */
export const LOOK = { viewport: { width: 960, height: 720 }, colorScheme: 'light', reducedMotion: 'reduce' }

/** What axe finds, in words. */
export async function barriers(page) {
  await page.evaluate(axe)
  const { violations } = await page.evaluate((values) => axe.run({ runOnly: { type: 'tag', values } }), RULES)
  return violations.flatMap(({ id, help, nodes }) => nodes.map((node) => `${id}: ${help}: ${node.html}`))
}

/** In light and dark, and in a narrow window, which nobody has to scroll sideways (WCAG 2.2, 1.4.10). */
export async function suitsEverybody(page) {
  assert.deepEqual(await barriers(page), [], 'in light')
  await page.emulateMedia({ colorScheme: 'dark' })
  assert.deepEqual(await barriers(page), [], 'in the dark')
  await page.setViewportSize({ width: 320, height: 640 })
  const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)
  assert.ok(!wide, 'a narrow window suffices')
}

/** Notes what a page does that none may: errors of its scripts, breaches of its policy, calls to strangers. */
export function watch(page, ...own) {
  const wrongs = []
  page.on('pageerror', (problem) => wrongs.push(`script: ${problem}`))
  page.on('console', (message) => {
    // A refused login is answered with an error's status, which Chromium tells of.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load')) wrongs.push(message.text())
  })
  page.on('request', (request) => {
    const url = request.url()
    if (![...own, 'data:'].some((start) => url.startsWith(start))) wrongs.push(`asks a stranger: ${url}`)
  })
  return wrongs
}

/** Takes the picture of a page for docs/screenshots/ where that is asked for; else there must be one. */
export async function picture(page, name) {
  const folder = process.env.SCREENSHOTS
  if (folder) await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true })
  const path = new URL(`../../docs/screenshots/${name}.png`, import.meta.url)
  assert.ok(existsSync(path), `${name} has no picture yet: cargo xtask clients --screenshots pages console`)
}
