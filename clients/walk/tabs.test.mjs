// What people do with a browser while they sign in: several tabs, the back button, bookmarks, a closed browser.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { launch, person, signIn } from './browser.mjs'
import { freePort } from './program.mjs'
import { Realm } from './realm.mjs'

const APP = `http://127.0.0.1:${await freePort()}`
const application = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<title>App</title>'))
let realm, browser, context, page

before(async () => {
  await new Promise((done) => application.listen(new URL(APP).port, '127.0.0.1', done))
  realm = await Realm.make('tabs', {
    rememberMe: true,
    users: [{ username: 'alice' }, { username: 'bob' }],
    clients: [{ clientId: 'app', publicClient: true, redirectUris: [`${APP}/*`] }],
  })
  browser = await launch()
})

after(async () => {
  await browser?.close()
  application.close()
  await realm?.remove()
})

beforeEach(async () => {
  context = await person(browser)
  page = await context.newPage()
})

afterEach(async () => {
  await context.close()
  await realm.signOut('alice')
})

const asking = (path, more = {}) => `${realm.issuer}/protocol/openid-connect/auth?${new URLSearchParams({
  client_id: 'app', redirect_uri: `${APP}/${path}`, response_type: 'code', scope: 'openid', ...more,
})}`
const arrived = async (tab, path) => {
  await tab.waitForURL((url) => url.href.startsWith(`${APP}/${path}`))
  return new URL(tab.url()).searchParams
}

test('a login in one tab lets the other tab in, by itself', async () => {
  const other = await context.newPage()
  await page.goto(asking('one'))
  await other.goto(asking('two'))
  await page.bringToFront()
  await signIn(page, 'alice', realm.password)
  assert.ok((await arrived(page, 'one')).get('code'))
  await other.bringToFront()
  const answer = await arrived(other, 'two')
  assert.ok(answer.get('code') ?? answer.get('error'), 'it has an answer')
  assert.equal((await realm.sessions('alice')).length, 1)
})

test('two tabs sign in one after the other without scripts, as one session', async () => {
  await context.close()
  context = await person(browser, { javaScriptEnabled: false })
  const [one, two] = [await context.newPage(), await context.newPage()]
  await one.goto(asking('one'))
  await two.goto(asking('two'))
  await signIn(one, 'alice', realm.password)
  await arrived(one, 'one')
  await signIn(two, 'alice', realm.password)
  await two.waitForLoadState()
  assert.equal((await realm.sessions('alice')).length, 1)
  // Whatever the second tab was told, it gets in when it asks again.
  await two.goto(asking('two'))
  assert.ok((await arrived(two, 'two')).get('code'))
})

test('after a wrong password, the back button leads to a page that still signs in', async () => {
  await page.goto(asking(''))
  await signIn(page, 'alice', 'not the password')
  await page.waitForSelector('#input-error-username')
  await page.goBack()
  await signIn(page, 'alice', realm.password)
  assert.ok((await arrived(page, '')).get('code'))
})

test('a login page that is loaded again, or bookmarked, still signs in', async () => {
  await page.goto(asking(''))
  await signIn(page, 'alice', 'not the password')
  await page.waitForSelector('#input-error-username')
  const bookmark = page.url()
  await page.goto('about:blank')
  await page.goto(bookmark)
  await page.reload()
  await signIn(page, 'alice', realm.password)
  assert.ok((await arrived(page, '')).get('code'))
})

test('after the login, the back button signs nobody in anew and shows no error', async () => {
  await page.goto(asking(''))
  await signIn(page, 'alice', realm.password)
  const first = (await arrived(page, '')).get('code')
  await page.goBack()
  const answer = await arrived(page, '')
  assert.notEqual(answer.get('code'), first)
  assert.equal((await realm.sessions('alice')).length, 1)
})

test("somebody else's bookmark of a login page gets nobody in", async () => {
  await page.goto(asking(''))
  await signIn(page, 'alice', 'not the password')
  await page.waitForSelector('#input-error-username')
  const stranger = await person(browser)
  const theirs = await stranger.newPage()
  const answer = await theirs.goto(page.url())
  assert.ok(answer.status() < 500)
  assert.equal(await theirs.locator('#password').count(), 0, 'it is the page of another browser')
  await stranger.close()
})

for (const remembered of [true, false]) {
  test(`a browser that was closed ${remembered ? 'remembers' : 'has forgotten'} who signed in`, async () => {
    await page.goto(asking(''))
    if (remembered) await page.check('#rememberMe')
    await signIn(page, 'alice', realm.password)
    await arrived(page, '')
    // Closing a browser ends its session cookies, which have no time of their own.
    const cookies = (await context.cookies()).filter((cookie) => cookie.expires > 0)
    await context.close()
    context = await person(browser)
    await context.addCookies(cookies)
    page = await context.newPage()
    await page.goto(asking(''))
    assert.equal(page.url().startsWith(APP), remembered, page.url())
  })
}

test('whoever must sign in again is asked for the password, and stays the same person', async () => {
  await page.goto(asking(''))
  await signIn(page, 'alice', realm.password)
  await arrived(page, '')
  await page.goto(asking('again', { prompt: 'login' }))
  assert.equal(await page.locator('#kc-attempted-username').inputValue(), 'alice')
  await page.fill('#password', realm.password)
  await page.click('#kc-login')
  assert.ok((await arrived(page, 'again')).get('code'))
  assert.equal((await realm.sessions('alice')).length, 1)
  await page.goto(asking('silent', { prompt: 'none' }))
  assert.ok((await arrived(page, 'silent')).get('code'))
})
