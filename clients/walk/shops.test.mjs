// A person walks through each shop: signs in, buys, stays, signs out, and is signed out elsewhere.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { launch, person, read, signIn, text } from './browser.mjs'
import { eventually } from './patience.mjs'
import { Program, freePort } from './program.mjs'
import { BASE, Realm, secret } from './realm.mjs'
import { client, shops } from './shops.mjs'

const asked = process.env.ONLY?.split(',')
const open = shops.filter((shop) => !asked || asked.includes('shops') || asked.includes(shop.name))
const customer = (shop) => `alice.${shop.name}`
let realm, browser
const failed = new Set()
const programs = []

before(async () => {
  const api = await freePort()
  for (const shop of open) {
    shop.url = `http://127.0.0.1:${await freePort()}`
    shop.secret = secret()
  }
  realm = await Realm.make('shops', {
    roles: { realm: [{ name: 'customer' }] },
    users: open.map((shop) => ({ username: customer(shop), realmRoles: ['customer'] })),
    clients: open.map((shop) => client(shop, shop.url, shop.secret)),
  })
  const common = { BASE_URL: BASE, REALM: realm.name, ISSUER: realm.issuer, API: `http://127.0.0.1:${api}/orders` }
  const start = (name, run, cwd, env, url) => {
    const program = new Program(name, run, { cwd, env: { ...common, ...env } })
    programs.push(program)
    return program.ready(url)
  }
  const node = start('api', ['node', 'api.mjs'], import.meta.dirname ?? new URL('.', import.meta.url).pathname,
    { PORT: `${api}` }, `http://127.0.0.1:${api}/health`)
  // All at once: what starts slowly starts while the others do.
  const ready = open.map((shop) => {
    const env = { PORT: new URL(shop.url).port, CLIENT_ID: shop.name, CLIENT_SECRET: shop.secret }
    return start(shop.name, shop.run, shop.cwd, env, shop.url)
  })
  await Promise.all([node, ...ready])
  browser = await launch()
})

after(async () => {
  await browser?.close()
  await Promise.all(programs.map((program) => program.stop()))
  for (const { name, said } of programs) if (said && failed.has(name)) console.log(`${name} said:\n${said}`)
  await realm?.remove()
})

for (const shop of open) {
  describe(shop.name, () => {
    const who = customer(shop)
    let context, page

    before(async () => {
      context = await person(browser)
      page = await context.newPage()
    })
    after(() => context?.close())

    /** One step of the walk; where it fails, what the shop printed is told at the end. */
    const step = (name, work) => test(name, async () => {
      try {
        await work()
      } catch (problem) {
        failed.add(shop.name)
        throw problem
      }
    })
    const visit = (path) => read(page, `${shop.url}${path}`)
    const enter = async () => {
      await page.goto(`${shop.url}/login`)
      assert.ok(page.url().startsWith(realm.issuer), `${page.url()}: ${await text(page)}`)
      await signIn(page, who, realm.password)
      await page.waitForURL(`${shop.url}/`)
      assert.equal(await text(page), `signed in as ${who}`)
    }

    step('signs in', async () => {
      assert.equal(await visit('/'), 'nobody')
      await enter()
      assert.equal((await realm.sessions(who)).length, 1)
    })

    step('calls an API', async () => {
      assert.equal(await visit('/orders'), `orders of ${who}`)
    })

    step('refreshes', async () => {
      assert.equal(await visit('/refresh'), 'refreshed')
      assert.equal(await visit('/orders'), `orders of ${who}`)
    })

    step('signs out, here and at the server', async () => {
      assert.equal(await visit('/logout'), 'nobody')
      assert.equal(page.url().split('?')[0], `${shop.url}/`)
      assert.deepEqual(await realm.sessions(who), [])
      // Signing in anew asks for the password: no session is left in the browser either.
      await enter()
    })

    if (shop.told) {
      step('is told that the server ended the session', async () => {
        await realm.signOut(who)
        assert.equal(await eventually(() => visit('/'), 'nobody'), 'nobody')
      })
    } else {
      step('learns, when it asks, that the server ended the session', async () => {
        await realm.signOut(who)
        assert.equal(await visit('/refresh'), 'session ended')
        assert.equal(await visit('/'), 'nobody')
      })
    }
  })
}
