// Every page that the server shows, as a person meets it: in light and dark, narrow, without a mouse's eye for colours,
// and without a script. `SCREENSHOTS` names a folder to put a picture of each into.

import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { launch, person, signIn } from './browser.mjs'
import { freePort } from './program.mjs'
import { BASE, Realm, admin } from './realm.mjs'

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
/** WCAG 2.2 AA and what axe knows beyond it. */
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']
const LIGHT = { viewport: { width: 960, height: 720 }, colorScheme: 'light', reducedMotion: 'reduce' }
/** An application that has one page, and lets itself be framed. */
const APP = `http://127.0.0.1:${await freePort()}`
const application = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<title>App</title>'))
/** The first page, with all that it loads, compressed. */
const FIRST_PAGE = 20_000
let realm, browser

const app = { redirectUris: [`${APP}/*`, 'urn:ietf:wg:oauth:2.0:oob'], publicClient: true }
const clients = [
  { clientId: 'app', ...app },
  { clientId: 'asks', name: 'The shop that asks', consentRequired: true, ...app },
  {
    clientId: 'front',
    name: 'The shop in front',
    frontchannelLogout: true,
    ...app,
    attributes: { 'frontchannel.logout.url': `${APP}/bye`, 'frontchannel.logout.session.required': 'true' },
  },
]
const users = [
  { username: 'alice' },
  { username: 'password', requiredActions: ['UPDATE_PASSWORD'] },
  { username: 'profile', requiredActions: ['UPDATE_PROFILE'] },
  { username: 'terms', requiredActions: ['TERMS_AND_CONDITIONS'] },
]

/** A flow that asks for the name first, and for the password on a page of its own. */
async function twoSteps() {
  const flows = `/${realm.name}/authentication/flows`
  await admin('POST', flows, { alias: 'steps', providerId: 'basic-flow', topLevel: true, builtIn: false })
  for (const provider of ['auth-username-form', 'auth-password-form']) {
    await admin('POST', `${flows}/steps/executions/execution`, { provider })
  }
  for (const execution of await admin('GET', `${flows}/steps/executions`)) {
    await admin('PUT', `${flows}/steps/executions`, { ...execution, requirement: 'REQUIRED' })
  }
  const { id } = (await admin('GET', flows)).find(({ alias }) => alias === 'steps')
  const client = { clientId: 'steps', ...app, authenticationFlowBindingOverrides: { browser: id } }
  await admin('POST', `/${realm.name}/clients`, client)
}

before(async () => {
  await new Promise((done) => application.listen(new URL(APP).port, '127.0.0.1', done))
  realm = await Realm.make('pages', {
    displayName: 'The Reading Room',
    internationalizationEnabled: true,
    supportedLocales: ['en', 'de', 'ar'],
    defaultLocale: 'en',
    rememberMe: true,
    clients,
    users,
  })
  await admin('PUT', `/${realm.name}/authentication/required-actions/TERMS_AND_CONDITIONS`, {
    alias: 'TERMS_AND_CONDITIONS',
    name: 'Terms and Conditions',
    providerId: 'TERMS_AND_CONDITIONS',
    enabled: true,
    defaultAction: false,
    priority: 20,
    config: {},
  })
  await twoSteps()
  browser = await launch()
})

after(async () => {
  await browser?.close()
  application.close()
  await realm?.remove()
})

const protocol = (endpoint, parameters) =>
  `${realm.issuer}/protocol/openid-connect/${endpoint}?${new URLSearchParams(parameters)}`
const asking = (client = 'app', more = {}) =>
  protocol('auth', { client_id: client, redirect_uri: `${APP}/`, response_type: 'code', scope: 'openid', ...more })
const enter = async (page, client, name, more) => {
  await page.goto(asking(client, more))
  await signIn(page, name, realm.password)
}
const home = (page) => page.waitForURL(`${APP}/**`)
/** Signs in for good: the browser has been back at the application. */
const stay = async (page, client) => {
  await enter(page, client, 'alice')
  await home(page)
}

/** Each page: how a person gets there, and by which element one knows it. */
const pages = {
  login: ['#kc-form-login', (page) => page.goto(asking())],
  'login-refused': ['#input-error-username', (page) => enter(page, 'app', 'nobody')],
  username: ['#username:not(:has(~ #password))', (page) => page.goto(asking('steps'))],
  password: ['#password', async (page) => {
    await page.goto(asking('steps'))
    await page.fill('#username', 'alice')
    await page.click('#kc-login')
  }],
  consent: ['[name=accept]', (page) => enter(page, 'asks', 'alice')],
  'update-password': ['#kc-passwd-update-form', (page) => enter(page, 'app', 'password')],
  'update-profile': ['#kc-update-profile-form', (page) => enter(page, 'app', 'profile')],
  terms: ['#kc-accept', (page) => enter(page, 'app', 'terms')],
  code: ['#code', (page) => enter(page, 'app', 'alice', { redirect_uri: 'urn:ietf:wg:oauth:2.0:oob' })],
  device: ['[name=device_user_code]', (page) => page.goto(`${realm.issuer}/device`)],
  error: ['#kc-error-message', (page) => page.goto(asking('app', { redirect_uri: 'http://elsewhere.example/' }))],
  expired: ['#loginRestartLink', async (page) => {
    await page.goto(asking())
    const action = new URL(await page.getAttribute('#kc-form-login', 'action'), page.url())
    action.searchParams.set('execution', '00000000-0000-4000-8000-000000000000')
    await page.goto(action.href)
  }],
  'logout-confirm': ['#kc-logout', async (page) => {
    await stay(page, 'app')
    await page.goto(protocol('logout', {}))
  }],
  info: ['#kc-info-message', async (page) => {
    await stay(page, 'app')
    await page.goto(protocol('logout', {}))
    await page.click('#kc-logout')
  }],
  'frontchannel-logout': [`iframe[src^="${APP}/bye"]`, async (page) => {
    await stay(page, 'front')
    await page.goto(protocol('logout', {}))
    await page.click('#kc-logout')
  }],
}

/** A browser for one page, with what the page did that it must not. */
async function visitor(options) {
  const context = await person(browser, { ...LIGHT, ...options })
  const wrongs = []
  const page = await context.newPage()
  page.on('pageerror', (problem) => wrongs.push(`script: ${problem}`))
  page.on('console', (message) => {
    // A refused login is answered with an error's status, which Chromium tells of.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load')) wrongs.push(message.text())
  })
  page.on('request', (request) => {
    const url = request.url()
    if (![BASE, APP, 'data:'].some((own) => url.startsWith(own))) wrongs.push(`asks a stranger: ${url}`)
  })
  return { context, page, wrongs }
}

/** What axe finds, in words. */
async function barriers(page) {
  await page.evaluate(axe)
  const { violations } = await page.evaluate((values) => axe.run({ runOnly: { type: 'tag', values } }), RULES)
  return violations.flatMap(({ id, help, nodes }) => nodes.map((node) => `${id}: ${help}: ${node.html}`))
}

/** Whether a person with a narrow window has to scroll sideways (WCAG 1.4.10). */
const overflows = (page) => page.evaluate(() => document.documentElement.scrollWidth > innerWidth)

async function picture(page, name) {
  if (process.env.SCREENSHOTS) await page.screenshot({ path: `${process.env.SCREENSHOTS}/${name}.png` })
}

for (const [name, [selector, reach]] of Object.entries(pages)) {
  test(`the page ${name}`, async () => {
    const { context, page, wrongs } = await visitor()
    await reach(page)
    await page.waitForSelector(selector, { state: 'attached' })
    await picture(page, name)
    assert.deepEqual(await barriers(page), [], 'in light')
    await page.emulateMedia({ colorScheme: 'dark' })
    assert.deepEqual(await barriers(page), [], 'in the dark')
    await page.setViewportSize({ width: 320, height: 640 })
    assert.equal(await overflows(page), false, 'a narrow window suffices')
    assert.deepEqual(wrongs, [])
    await context.close()
  })
}

describe('the login page', () => {
  test('needs no script', async () => {
    const { context, page } = await visitor({ javaScriptEnabled: false })
    await page.goto(asking())
    await signIn(page, 'alice', 'not the password')
    await page.waitForSelector('#input-error-username')
    await signIn(page, 'alice', realm.password)
    await home(page)
    assert.match(page.url(), /[?&]code=/)
    await context.close()
  })

  test('can be used with the keyboard alone', async () => {
    const { context, page } = await visitor()
    await page.goto(asking())
    assert.equal(await page.evaluate(() => document.activeElement.id), 'username')
    await page.keyboard.type('alice')
    const reached = []
    for (let stop = 0; stop < 12 && reached.at(-1) !== 'kc-login'; stop++) {
      await page.keyboard.press('Tab')
      const id = await page.evaluate(() => document.activeElement.id)
      reached.push(id)
      if (id === 'password') await page.keyboard.type(realm.password)
    }
    assert.equal(reached.at(-1), 'kc-login', reached.join(' '))
    await page.keyboard.press('Enter')
    await home(page)
    await context.close()
  })

  test('is dark for who wants it dark', async () => {
    const { context, page } = await visitor({ colorScheme: 'dark' })
    await page.goto(asking())
    await picture(page, 'login-dark')
    const lightness = await page.evaluate(() => {
      let part = document.querySelector('#kc-form-login')
      const colour = () => getComputedStyle(part).backgroundColor
      while (part.parentElement && / 0\)$/.test(colour())) part = part.parentElement
      const [r, g, b] = colour().match(/[\d.]+/g)
      return (Number(r) + Number(g) + Number(b)) / 3
    })
    assert.ok(lightness < 80, `${lightness}`)
    await context.close()
  })

  test('reads from right to left where the language does', async () => {
    const { context, page } = await visitor()
    await page.goto(asking('app', { ui_locales: 'ar' }))
    await page.waitForSelector('html[dir=rtl][lang=ar]')
    await picture(page, 'login-rtl')
    assert.deepEqual(await barriers(page), [])
    const [title, field] = await page.evaluate(() => [document.title, getComputedStyle(document.querySelector('#username')).direction])
    assert.match(title, /\p{Script=Arabic}/u)
    assert.equal(field, 'rtl')
    await context.close()
  })

  test('weighs little', async () => {
    const { context, page } = await visitor()
    const asked = []
    page.on('requestfinished', (request) => asked.push(request))
    await page.goto(asking(), { waitUntil: 'networkidle' })
    const sizes = await Promise.all(asked.map(async (request) => (await request.sizes()).responseBodySize))
    const weight = sizes.reduce((sum, size) => sum + size, 0)
    assert.ok(weight < FIRST_PAGE, `${weight} bytes: ${asked.map((request) => request.url()).join(' ')}`)
    await context.close()
  })
})
