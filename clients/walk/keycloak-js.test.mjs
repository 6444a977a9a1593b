// The shop with keycloak-js, which runs in the browser alone: silent sign-in, refresh, the login-status frame, logout.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { launch, person, signIn } from './browser.mjs'
import { eventually } from './patience.mjs'
import { freePort } from './program.mjs'
import { BASE, Realm } from './realm.mjs'

const local = (path) => new URL(path, import.meta.url)
const FILES = {
  '/': ['text/html', local('../shops/keycloak-js/index.html')],
  '/silent.html': ['text/html', local('../shops/keycloak-js/silent.html')],
  '/keycloak.js': ['text/javascript', local('../node_modules/keycloak-js/lib/keycloak.js')],
}
let realm, browser, context, page
/** Two shops of the same realm, each with an address and a client of its own. */
const shops = {}

async function open(name) {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, url)
    const [type, file] = FILES[pathname] ?? []
    if (pathname === '/keycloak.json') {
      response.end(JSON.stringify({ url: BASE, realm: realm.name, clientId: name }))
    } else if (file) {
      response.setHeader('content-type', type).end(await readFile(file))
    } else {
      response.writeHead(404).end()
    }
  })
  await new Promise((done) => server.listen(port, '127.0.0.1', done))
  shops[name] = { url, server }
}

before(async () => {
  await open('books')
  await open('music')
  realm = await Realm.make('browser', {
    users: [{ username: 'alice' }],
    clients: Object.entries(shops).map(([clientId, { url }]) => ({
      clientId,
      publicClient: true,
      implicitFlowEnabled: true,
      redirectUris: [`${url}/*`],
      webOrigins: [url],
      attributes: { 'post.logout.redirect.uris': '+' },
    })),
  })
  browser = await launch()
})

after(async () => {
  await browser?.close()
  for (const { server } of Object.values(shops)) server.close()
  await realm?.remove()
})

beforeEach(async () => {
  context = await person(browser)
  page = await context.newPage()
})

afterEach(() => context.close())

/** Opens a shop, and waits until the adapter knows who is there. */
async function visit(on, name, options = {}) {
  await on.goto(`${shops[name].url}/?${new URLSearchParams(options)}`)
}

/** Who is signed in, by what the page says. */
async function who(on) {
  return on.waitForFunction(() => document.querySelector('#who')?.textContent || undefined).then((text) => text.jsonValue())
}

async function enter(on, name, options) {
  await visit(on, name, options)
  assert.equal(await who(on), 'nobody')
  await on.click('#login')
  await on.waitForSelector('#kc-login')
  await signIn(on, 'alice', realm.password)
  assert.equal(await who(on), 'signed in as alice')
}

test('signs in, calls with the token, refreshes and signs out', async () => {
  await enter(page, 'books', {})
  assert.ok(!page.url().includes('code='), 'the adapter tidies the address up')
  const info = await page.evaluate(() => keycloak.loadUserInfo())
  assert.equal(info.preferred_username, 'alice')
  const [before, refreshed, now] = await page.evaluate(async () => {
    const before = keycloak.token
    return [before, await keycloak.updateToken(-1), keycloak.token]
  })
  assert.ok(refreshed && before !== now)
  await page.click('#logout')
  await page.waitForURL(`${shops.books.url}/**`)
  assert.equal(await who(page), 'nobody')
  assert.deepEqual(await realm.sessions('alice'), [])
})

test('a page that requires a login goes to the login page by itself', async () => {
  await visit(page, 'books', { onLoad: 'login-required' })
  await page.waitForSelector('#kc-login')
  await signIn(page, 'alice', realm.password)
  assert.equal(await who(page), 'signed in as alice')
})

test('a second shop learns silently who is signed in at the first', async () => {
  await visit(page, 'music', { onLoad: 'check-sso' })
  assert.equal(await who(page), 'nobody')
  await enter(page, 'books', {})
  const other = await context.newPage()
  const seen = []
  other.on('framenavigated', (frame) => frame === other.mainFrame() && seen.push(frame.url()))
  await visit(other, 'music', { onLoad: 'check-sso' })
  assert.equal(await who(other), 'signed in as alice')
  assert.ok(seen.every((url) => url.startsWith(shops.music.url)), `without leaving its page: ${seen}`)
  assert.equal(await other.evaluate(() => keycloak.sessionId), await page.evaluate(() => keycloak.sessionId))
})

test('the login-status frame tells of a logout in another tab', async () => {
  await enter(page, 'books', { iframe: 'yes' })
  const other = await context.newPage()
  await visit(other, 'music', { onLoad: 'check-sso' })
  assert.equal(await who(other), 'signed in as alice')
  assert.equal(await who(page), 'signed in as alice')
  await other.click('#logout')
  assert.equal(await eventually(() => who(page), 'nobody'), 'nobody')
})

for (const [flow, mode] of [['standard', 'query'], ['hybrid', 'fragment'], ['implicit', 'fragment']]) {
  test(`the ${flow} flow, answered in the ${mode}`, async () => {
    await enter(page, 'books', { flow, mode })
    assert.equal(await page.evaluate(() => Boolean(keycloak.refreshToken)), flow !== 'implicit')
  })
}

test('a session that the server ended cannot be refreshed', async () => {
  await enter(page, 'books', {})
  await realm.signOut('alice')
  const refused = await page.evaluate(() => keycloak.updateToken(-1).then(() => 'refreshed', () => 'refused'))
  assert.equal(refused, 'refused')
  assert.equal(await who(page), 'nobody')
})
