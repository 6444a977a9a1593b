// The page for administrators: a receiver that does not listen is seen, mended, told again, and has confirmed it.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { launch, person, signIn } from './browser.mjs'
import { LOOK, picture, suitsEverybody, watch } from './looks.mjs'
import { eventually } from './patience.mjs'
import { ADMIN, BASE, Realm, secret } from './realm.mjs'

/** The application that is to be told, and is out of order. */
let status = 503
let told = 0
const receiver = createServer((_, response) => {
  told += 1
  response.writeHead(status).end()
})
const web = { clientId: 'web', secret: secret(), directAccessGrantsEnabled: true }
const may = { 'realm-management': ['view-events', 'manage-events'] }
let realm, browser

before(async () => {
  await new Promise((done) => receiver.listen(0, '127.0.0.1', done))
  browser = await launch()
})

after(async () => {
  await browser?.close()
  receiver.close()
})

beforeEach(async () => {
  ;[status, told] = [503, 0]
  const address = `http://127.0.0.1:${receiver.address().port}/logged-out`
  realm = await Realm.make('console', {
    displayName: 'The Reading Room',
    clients: [{ ...web, attributes: { 'backchannel.logout.url': address } }],
    users: [
      { username: 'alice' },
      { username: 'keeper', email: 'keeper@shop.example', clientRoles: may },
      { username: 'visitor', email: 'visitor@shop.example' },
    ],
  })
})

afterEach(() => realm?.remove())

const address = (query = '') => `${BASE}/admin/${realm.name}/console/logout-deliveries${query}`

/** Alice signs in at the application, and an administrator signs her out: the application is to be told. */
async function signOutAlice() {
  const body = new URLSearchParams({
    grant_type: 'password',
    client_id: 'web',
    client_secret: web.secret,
    username: 'alice',
    password: realm.password,
    scope: 'openid',
  })
  const answer = await fetch(`${realm.issuer}/protocol/openid-connect/token`, { method: 'POST', body })
  assert.equal(answer.status, 200)
  const before = told
  await realm.signOut('alice')
  assert.ok(await eventually(() => told > before, true), 'the application was called')
}

/** What the page says of what it shows now: what was tried a moment ago may not be noted yet. */
async function sum(page) {
  await page.getByRole('button', { name: 'Show', exact: true }).click()
  return page.innerText('#status')
}
const says = async (page, expected) => assert.equal(await eventually(() => sum(page), expected), expected)

describe('The ledger of logouts', () => {
  test('who was not told is seen, told again by keyboard, and has confirmed it', async () => {
    await signOutAlice()
    const context = await person(browser, LOOK)
    const page = await context.newPage()
    const wrongs = watch(page, BASE)
    const asked = address(`?realm=${realm.name}&state=failing`)
    await page.goto(asked)
    await signIn(page, 'keeper', realm.password)
    await says(page, '1 found: 1 failing.')
    const line = page.locator('#deliveries > li')
    await line.getByText('it answered 503').waitFor()
    assert.match(await line.innerText(), /web\s+failing/)
    assert.equal(page.url(), asked, 'nothing of the login is left in the address')
    await picture(page, 'logout-deliveries')

    await page.locator('[value=failing]').uncheck()
    await line.getByRole('button', { name: /Retry now to web/ }).focus()
    const before = told
    status = 204
    await page.keyboard.press('Enter')
    await page.locator('li[data-state=confirmed]').waitFor()
    assert.ok(told > before, 'the application was called again')
    assert.match(await page.innerText('#status'), /\. 1 found: 1 confirmed/)
    assert.equal(await page.evaluate(() => document.activeElement.tagName), 'H3', 'the line has kept the focus')
    assert.equal(await page.getByRole('button', { name: /Retry now/ }).count(), 0)

    const kept = await page.evaluate(() => sessionStorage.length + localStorage.length + document.cookie.length)
    assert.equal(kept, 0, 'the token is nowhere but in memory')
    await suitsEverybody(page)
    assert.deepEqual(wrongs, [])
    await context.close()
  })

  test('all that fails is told again at once, and filters find what they say', async () => {
    status = 204
    await signOutAlice()
    status = 503
    await signOutAlice()
    const context = await person(browser, LOOK)
    const page = await context.newPage()
    const wrongs = watch(page, BASE)
    await page.goto(address())
    await signIn(page, 'keeper', realm.password)
    await page.locator('#ledger').waitFor()
    await says(page, '2 found: 1 failing, 1 confirmed.')
    for (const [field, value, found] of [
      ['client', 'other', /None found/],
      ['client', 'web', /2 found/],
      ['since', '2099-01-01T00:00', /None found/],
      ['since', '', /2 found/],
      ['session', 'none', /None found/],
      ['session', '', /2 found/],
    ]) {
      await page.fill(`#${field}`, value)
      await page.getByRole('button', { name: 'Show', exact: true }).click()
      await page.locator('#status').filter({ hasText: found }).waitFor()
    }
    status = 204
    await page.getByRole('button', { name: 'Retry all of these that fail' }).click()
    await page.getByText(/\d are told again now/).waitFor()
    await says(page, '2 found: 2 confirmed.')
    // Signed out, and nothing is left on the page.
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByText('You are signed out.').waitFor()
    assert.equal(await page.locator('#deliveries > li').count(), 0)
    assert.equal((await realm.sessions('keeper')).length, 0, 'the session has ended')
    assert.deepEqual(wrongs, [])
    await context.close()
  })

  test('an administrator of all realms sees it as well', async () => {
    status = 204
    await signOutAlice()
    const context = await person(browser, LOOK)
    const page = await context.newPage()
    await page.goto(`${BASE}/admin/master/console/logout-deliveries?realm=${realm.name}`)
    await signIn(page, ADMIN.username, ADMIN.password)
    await page.locator('#ledger').waitFor()
    await says(page, '1 found: 1 confirmed.')
    await context.close()
  })

  test('who may not see it is told so', async () => {
    const context = await person(browser, LOOK)
    const page = await context.newPage()
    await page.goto(address())
    await signIn(page, 'visitor', realm.password)
    await page.getByRole('alert').getByText('the role view-events is needed').waitFor()
    assert.equal(await page.locator('#deliveries > li').count(), 0)
    await context.close()
  })
})
