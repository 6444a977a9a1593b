// Every page that the server shows, as a person meets it: in light and dark, narrow, without a mouse's eye for colours,
// and without a script. `SCREENSHOTS` names a folder to put a picture of each into.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { launch, person, signIn } from './browser.mjs'
import { LOOK, barriers, picture, suitsEverybody, watch } from './looks.mjs'
import { freePort } from './program.mjs'
import { BASE, Realm } from './realm.mjs'

/** An application that has one page, and lets itself be framed. */
const APP = `http://127.0.0.1:${await freePort()}`
const application = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<title>App</title>'))
/** The first page, with all that it loads, compressed. */
const FIRST_PAGE = 20_000
let realm, browser

/** A flow that asks for the name first, and for the password on a page of its own. */
const steps = {
  id: randomUUID(),
  alias: 'steps',
  providerId: 'basic-flow',
  topLevel: true,
  builtIn: false,
  authenticationExecutions: ['auth-username-form', 'auth-password-form'].map((authenticator, priority) => ({
    authenticator,
    authenticatorFlow: false,
    priority,
    requirement: 'REQUIRED',
    userSetupAllowed: false,
  })),
}

const app = { redirectUris: [`${APP}/*`, 'urn:ietf:wg:oauth:2.0:oob'], publicClient: true }
const clients = [
  { clientId: 'app', ...app },
  { clientId: 'steps', ...app, authenticationFlowBindingOverrides: { browser: steps.id } },
  { clientId: 'asks', name: 'The shop that asks', consentRequired: true, ...app },
  {
    clientId: 'front',
    name: 'The shop in front',
    frontchannelLogout: true,
    ...app,
    attributes: { 'frontchannel.logout.url': `${APP}/bye`, 'frontchannel.logout.session.required': 'true' },
  },
]
/** What is asked of users here, and by default of none. */
const ASKED = ['TERMS_AND_CONDITIONS', 'delete_account']
const users = [
  { username: 'alice' },
  { username: 'password', requiredActions: ['UPDATE_PASSWORD'] },
  { username: 'profile', requiredActions: ['UPDATE_PROFILE'] },
  { username: 'terms', requiredActions: ['TERMS_AND_CONDITIONS'] },
  { username: 'leaver', clientRoles: { account: ['delete-account'] } },
]

before(async () => {
  await new Promise((done) => application.listen(new URL(APP).port, '127.0.0.1', done))
  const { authenticationFlows, authenticatorConfig, requiredActions } = await Realm.template()
  realm = await Realm.make('pages', {
    displayName: 'The Reading Room',
    internationalizationEnabled: true,
    supportedLocales: ['en', 'de', 'ar'],
    defaultLocale: 'en',
    rememberMe: true,
    authenticationFlows: [...authenticationFlows, steps],
    authenticatorConfig,
    requiredActions: requiredActions.map((action) => ({ ...action, enabled: action.enabled || ASKED.includes(action.alias) })),
    clients,
    users,
  })
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

/** Each page by the name of Keycloak's template: by which element one knows it, and how a person gets there. */
const pages = {
  login: ['#kc-form-login', (page) => page.goto(asking())],
  'login-refused': ['#input-error-username', (page) => enter(page, 'app', 'nobody')],
  'login-username': ['#username:not(:has(~ #password))', (page) => page.goto(asking('steps'))],
  'login-password': ['#password', async (page) => {
    await page.goto(asking('steps'))
    await page.fill('#username', 'alice')
    await page.click('#kc-login')
  }],
  'login-oauth-grant': ['[name=accept]', (page) => enter(page, 'asks', 'alice')],
  'login-update-password': ['#kc-passwd-update-form', (page) => enter(page, 'app', 'password')],
  'login-update-profile': ['#kc-update-profile-form', (page) => enter(page, 'app', 'profile')],
  terms: ['#kc-accept', (page) => enter(page, 'app', 'terms')],
  'delete-account-confirm': ['[name=cancel-aia]', (page) => enter(page, 'app', 'leaver', { kc_action: 'delete_account' })],
  code: ['#code', (page) => enter(page, 'app', 'alice', { redirect_uri: 'urn:ietf:wg:oauth:2.0:oob' })],
  error: ['#kc-error-message', (page) => page.goto(asking('app', { redirect_uri: 'http://elsewhere.example/' }))],
  'login-page-expired': ['#loginRestartLink', async (page) => {
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
    // Its script goes on as soon as the application in the frame has answered.
    await page.route('**/*.js', (route) => route.fulfill({ contentType: 'text/javascript', body: '' }))
    await page.click('#kc-logout')
  }],
}

/** A browser for one page, with what the page did that it must not. */
async function visitor(options) {
  const context = await person(browser, { ...LOOK, ...options })
  const page = await context.newPage()
  return { context, page, wrongs: watch(page, BASE, APP) }
}

for (const [name, [selector, reach]] of Object.entries(pages)) {
  test(`the page ${name}`, async () => {
    const { context, page, wrongs } = await visitor()
    await reach(page)
    await page.waitForSelector(selector, { state: 'attached' })
    await picture(page, name)
    await suitsEverybody(page)
    assert.deepEqual(wrongs, [])
    await context.close()
  })
}

test('a logout in the front channel tells the application, and comes to an end by itself', async () => {
  const { context, page } = await visitor()
  await stay(page, 'front')
  await page.goto(protocol('logout', {}))
  const told = page.waitForRequest(`${APP}/bye?**`)
  await page.click('#kc-logout')
  const { searchParams } = new URL((await told).url())
  assert.equal(searchParams.get('iss'), realm.issuer)
  assert.ok(searchParams.get('sid'))
  await page.waitForSelector('#kc-info-message')
  await context.close()
})

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
    const [title, form] = await page.evaluate(() => [document.title, getComputedStyle(document.querySelector('#kc-form-login')).direction])
    assert.match(title, /\p{Script=Arabic}/u)
    assert.equal(form, 'rtl')
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
