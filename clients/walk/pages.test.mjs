// Every page that the server shows, as a person meets it: in light and dark, narrow, without a mouse's eye for colours,
// and without a script. `SCREENSHOTS` names a folder to put a picture of each into.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { createServer } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { launch, person, signIn } from './browser.mjs'
import { LOOK, barriers, picture, suitsEverybody, watch } from './looks.mjs'
import { freePort } from './program.mjs'
import { BASE, Realm, admin, secret } from './realm.mjs'

/** An application that has one page, and lets itself be framed. */
const APP = `http://127.0.0.1:${await freePort()}`
const application = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<title>App</title>'))
/** The first page, with all that it loads, compressed. */
const FIRST_PAGE = 20_000
let realm, browser

/** A flow as the file of a realm has it. Of its steps, those called `auth-…` ask something; others are flows. */
const flow = (alias, steps, requirement = 'REQUIRED', topLevel = true) => ({
  id: randomUUID(),
  alias,
  providerId: 'basic-flow',
  topLevel,
  builtIn: false,
  authenticationExecutions: steps.map((step, priority) => ({
    ...(step.startsWith('auth-') ? { authenticator: step } : { flowAlias: step, authenticatorFlow: true }),
    priority,
    requirement,
    userSetupAllowed: false,
  })),
})
/** Asks for the name first, and for the password on a page of its own. */
const steps = flow('steps', ['auth-username-form', 'auth-password-form'])
/** Asks for the name first, and then leaves the choice. */
const either = flow('either', ['auth-username-form', 'ways'])
const ways = flow('ways', ['auth-password-form', 'auth-otp-form'], 'ALTERNATIVE', false)

const app = { redirectUris: [`${APP}/*`, 'urn:ietf:wg:oauth:2.0:oob'], publicClient: true }
const clients = [
  { clientId: 'app', ...app },
  { clientId: 'steps', ...app, authenticationFlowBindingOverrides: { browser: steps.id } },
  { clientId: 'either', ...app, authenticationFlowBindingOverrides: { browser: either.id } },
  { clientId: 'asks', name: 'The shop that asks', consentRequired: true, ...app },
  {
    clientId: 'front',
    name: 'The shop in front',
    frontchannelLogout: true,
    ...app,
    attributes: { 'frontchannel.logout.url': `${APP}/bye`, 'frontchannel.logout.session.required': 'true' },
  },
  {
    clientId: 'television',
    name: 'The television',
    publicClient: true,
    attributes: { 'oauth2.device.authorization.grant.enabled': 'true' },
  },
]
/** Something that shows one-time codes. */
const generator = (userLabel) => ({
  type: 'otp',
  userLabel,
  secretData: JSON.stringify({ value: secret() }),
  credentialData: JSON.stringify({ subType: 'totp', digits: 6, period: 30, algorithm: 'HmacSHA1' }),
})
/** What is asked of users here, and by default of none. */
const ASKED = ['TERMS_AND_CONDITIONS', 'delete_account']
const users = [
  { username: 'alice' },
  { username: 'password', requiredActions: ['UPDATE_PASSWORD'] },
  { username: 'profile', requiredActions: ['UPDATE_PROFILE'] },
  { username: 'terms', requiredActions: ['TERMS_AND_CONDITIONS'] },
  { username: 'generator', requiredActions: ['CONFIGURE_TOTP'] },
  { username: 'factors', credentials: ['Telephone', 'Old telephone'].map(generator) },
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
    registrationAllowed: true,
    resetPasswordAllowed: true,
    authenticationFlows: [...authenticationFlows, steps, either, ways],
    authenticatorConfig,
    requiredActions: requiredActions.map((action) => ({ ...action, enabled: action.enabled || ASKED.includes(action.alias) })),
    clients,
    users,
  })
  const executions = `/${realm.name}/authentication/flows/registration/executions`
  const parts = await admin('GET', executions)
  const agreement = parts.find(({ providerId }) => providerId === 'registration-terms-and-conditions')
  await admin('PUT', executions, { ...agreement, requirement: 'REQUIRED' })
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
/** The same where the name and the password are asked for one after the other. */
const identify = async (page, client, username, more) => {
  await page.goto(asking(client, more))
  await page.fill('#username', username)
  await page.click('#kc-login')
}
const home = (page) => page.waitForURL(`${APP}/**`)
/** Signs in for good: the browser has been back at the application. */
const stay = async (page, client) => {
  await enter(page, client, 'alice')
  await home(page)
}

/** The page on which people register, from that on which they sign in. */
const register = async (page) => {
  await page.goto(asking())
  await page.click('#kc-registration a')
}
const registration = '#kc-register-form [type=submit]'
/** Types the code that a device shows. */
const connect = async (page, code) => {
  await page.goto(`${realm.issuer}/device`)
  await page.fill('#device_user_code', code)
  await page.click('#kc-login')
}
/** The page for who has forgotten the password. */
const forget = async (page) => {
  await page.goto(asking())
  await page.click('#kc-form-options a')
}

/** Each page by the name of Keycloak's template: by which element one knows it, and how a person gets there. */
const pages = {
  login: ['#kc-form-login', (page) => page.goto(asking())],
  'login-refused': ['#input-error-username', (page) => enter(page, 'app', 'nobody')],
  'login-reset-password': ['#kc-reset-password-form', forget],
  'login-reset-password-refused': ['#input-error-username', async (page) => {
    await forget(page)
    await page.click('#kc-form-buttons')
  }],
  'login-reset-password-sent': ['.alert-info', async (page) => {
    await forget(page)
    await page.fill('#username', 'alice')
    await page.click('#kc-form-buttons')
  }],
  register: ['#kc-register-form', register],
  'register-refused': ['#input-error-terms-accepted', async (page) => {
    await register(page)
    await page.click(registration)
  }],
  'login-username': ['#username:not(:has(~ #password))', (page) => page.goto(asking('steps'))],
  'login-password': ['#password', (page) => identify(page, 'steps', 'alice')],
  'login-otp': ['#kc-otp-login-form', (page) => enter(page, 'app', 'factors')],
  'select-authenticator': ['#kc-select-credential-form', async (page) => {
    await identify(page, 'either', 'factors')
    await page.click('#try-another-way')
  }],
  'login-oauth-grant': ['[name=accept]', (page) => enter(page, 'asks', 'alice')],
  'login-update-password': ['#kc-passwd-update-form', (page) => enter(page, 'app', 'password')],
  'login-update-profile': ['#kc-update-profile-form', (page) => enter(page, 'app', 'profile')],
  terms: ['#kc-accept', (page) => enter(page, 'app', 'terms')],
  'login-config-totp': ['#kc-totp-secret-qr-code', (page) => enter(page, 'app', 'generator')],
  'login-config-totp-manual': ['#kc-totp-secret-key', async (page) => {
    await enter(page, 'app', 'generator')
    await page.click('#mode-manual')
  }],
  'delete-credential': ['#kc-delete-text', async (page) => {
    const { id } = await realm.user('factors')
    const held = await admin('GET', `/${realm.name}/users/${id}/credentials`)
    const telephone = held.find(({ userLabel }) => userLabel === 'Old telephone')
    await identify(page, 'steps', 'factors', { kc_action: `delete_credential:${telephone.id}` })
    await page.fill('#password', realm.password)
    await page.click('#kc-login')
  }],
  'login-oauth2-device-verify-user-code': ['#kc-user-verify-device-user-code-form', (page) => page.goto(`${realm.issuer}/device`)],
  'login-oauth2-device-verify-user-code-refused': ['.alert-error', (page) => connect(page, 'NOPE-NOPE')],
  'info-device': ['#kc-info-message', async (page) => {
    const body = new URLSearchParams({ client_id: 'television' })
    const answer = await fetch(`${realm.issuer}/protocol/openid-connect/auth/device`, { method: 'POST', body })
    await connect(page, (await answer.json()).user_code)
    await signIn(page, 'alice', realm.password)
    await page.click('[name=accept]')
  }],
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

test('every page that the server has is among them', async () => {
  const written = await readdir(`${process.env.BUILT}/gallery`)
  const names = new Set(written.map((file) => file.replace(/(-\d)?(-full)?\.html$/, '')))
  assert.ok(names.size > 0)
  assert.deepEqual([...names].filter((name) => !pages[name]), [])
})

test('whoever registers without scripts is told what is missing, and gets in', async () => {
  const { context, page } = await visitor({ javaScriptEnabled: false })
  await register(page)
  await page.fill('#username', 'caterpillar')
  await page.click(registration)
  await page.waitForSelector('#input-error-terms-accepted')
  assert.equal(await page.inputValue('#username'), 'caterpillar')
  await page.fill('#password', realm.password)
  await page.fill('#password-confirm', realm.password)
  await page.fill('#email', 'caterpillar@shop.example')
  await page.fill('#firstName', 'Absolem')
  await page.fill('#lastName', 'Larva')
  await page.check('#termsAccepted')
  await page.click(registration)
  await home(page)
  assert.match(page.url(), /[?&]code=/)
  assert.equal((await realm.user('caterpillar')).email, 'caterpillar@shop.example')
  await context.close()
})

test('whoever has forgotten the password is told the same, with an account and without, and needs no script', async () => {
  const { context, page } = await visitor({ javaScriptEnabled: false })
  const said = []
  for (const who of ['alice', 'nobody']) {
    await forget(page)
    await page.fill('#username', who)
    await page.click('#kc-form-buttons')
    said.push(await page.innerText('.alert'))
  }
  assert.ok(said[0])
  assert.equal(said[0], said[1])
  await signIn(page, 'alice', realm.password)
  await home(page)
  await context.close()
})

test('another way to sign in is chosen without scripts', async () => {
  const { context, page } = await visitor({ javaScriptEnabled: false })
  await identify(page, 'either', 'factors')
  await page.click('#try-another-way')
  await page.click('.choice:has-text("Authenticator")')
  await page.waitForSelector('#kc-otp-login-form')
  await context.close()
})

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
