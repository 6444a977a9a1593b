// How a verifier follows the feed, and how it reads status lists, step by step: at a double of the server.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Double } from './double.mjs'
import { becomes, isCurrent, start, word } from './guard.mjs'
import { PATIENCE, eventually } from './patience.mjs'
import { pair } from './tokens.mjs'

/** So long is a connection silent that is given up, and so often may keys be asked for, in milliseconds. */
const SILENCE = 20_000
const KEYS = 10_000
/** More than any event has. */
const ENDLESS = 1 << 20
/** How many records the program keeps. */
const MOST = 100

/** The feed. */
export function following(verifier) {
  describe(`${verifier.name}, at a double`, { concurrency: 1 }, () => {
    let double, program, good, hasFailed

    /** One step; where it fails, what the program printed is told at the end. */
    const step = (name, work) => test(name, async () => {
      try {
        await work()
      } catch (problem) {
        hasFailed = true
        throw problem
      }
    })
    const becomesCurrent = async (expected) => {
      assert.equal(await eventually(() => isCurrent(program), expected), expected)
    }

    before(async () => {
      double = await Double.make()
      double.called = 'http://127.0.0.1:9/realms/double'
      // Nothing grows old here, so that what is seen is not an effect of time.
      program = await start(verifier, {
        ISSUER: double.issuer, AUDIENCE: 'orders', FEED_CLIENT_ID: 'orders', FEED_CLIENT_SECRET: 'secret', MAX_STALE: '3600',
        MAX_RECORDS: `${MOST}`,
      })
      good = double.token('good')
    })
    after(async () => {
      await program?.stop()
      await double?.close()
      if (hasFailed) console.log(`${verifier.name} said:\n${program.said}`)
    })

    step('asks as the client that it is, for everything', async () => {
      const { since, headers } = await double.connections(1)
      assert.equal(since, null)
      assert.equal(headers.authorization, `Basic ${Buffer.from('orders:secret').toString('base64')}`)
      assert.match(headers.accept, /text\/event-stream/)
    })

    step('believes no keys of a server that calls itself otherwise', async () => {
      double.revoke(4, { sid: 'zero' })
      const discovered = () => double.paths.filter((path) => path.endsWith('/openid-configuration')).length
      const again = async () => {
        assert.equal(await word(program, double.token('zero')), 'blind')
        return discovered() > 1
      }
      assert.ok(await eventually(again, true), 'it asks again')
      double.called = double.issuer
      await becomes(program, double.token('zero'), 'revoked')
    })

    step('knows all with the first head, and not before', async () => {
      double.revoke(5, { sid: 'first' })
      await becomes(program, double.token('first'), 'revoked')
      assert.equal(await isCurrent(program), false)
      assert.equal(await word(program, good), 'blind')
      double.head(6)
      await becomesCurrent(true)
      assert.equal(await word(program, good), 'passes')
    })

    step('reads events in any portions, and passes over what it does not know', async () => {
      const text = ': hello\r\n\r\nevent: of later versions\r\ndata: {}\r\n\r\nid: 7\r\nevent: revocation\r\nmore: x\r\n'
        + `data: {"sid":"pieces","before_ms":${Date.now() + 60_000},\r\ndata: "until":${2 ** 40},"more":[1]}\r\n\r\n`
      for (const byte of text) {
        double.connection.response.write(byte)
        await new Promise(setImmediate)
      }
      await becomes(program, double.token('pieces'), 'revoked')
      assert.equal(await word(program, good), 'passes')
    })

    step('matches all that a record names', async () => {
      double.revoke(8, { sid: 'part', client_id: 'shop' })
      double.revoke(9, { sid: 'other part', client_id: 'till' })
      double.revoke(10, { jti: 'of one' })
      double.revoke(11, { sub: 'bob' })
      double.revoke(12, { sid: 'last' })
      await becomes(program, double.token('last'), 'revoked')
      assert.equal(await word(program, double.token('part')), 'revoked')
      assert.equal(await word(program, double.token('one')), 'revoked')
      assert.equal(await word(program, double.token('other part')), 'passes')
      const of = (iat) => double.token('part', undefined, undefined, { iat })
      assert.equal(await word(program, of(undefined)), 'revoked', 'of an unknown time')
      assert.equal(await word(program, of(Math.floor(Date.now() / 1000) + 300)), 'passes', 'from after it')
      assert.equal(await word(program, good), 'passes')
    })

    step('goes on behind the last number, and forgets nothing', async () => {
      assert.equal((await double.again()).since, '12')
      double.head(13)
      assert.equal((await double.again()).since, '13')
      assert.equal(await word(program, double.token('last')), 'revoked')
      assert.equal(await word(program, good), 'passes')
    })

    step('does not go on behind a record that it cannot read', async () => {
      const count = double.asked.length
      double.revoke(14, { sid: 'readable' })
      double.send('revocation', 15, { sid: 'unreadable', before_ms: 'soon', until: [] })
      assert.equal((await double.connections(count + 1)).since, '14')
      await becomes(program, double.token('readable'), 'revoked')
    })

    step('does not read an event that never ends', async () => {
      const count = double.asked.length
      double.connection.response.write(`id: 20\nevent: revocation\ndata: ${'x'.repeat(ENDLESS)}`)
      assert.equal((await double.connections(count + 1)).since, '14')
      assert.equal(await word(program, good), 'passes')
    })

    step('follows no redirection', async () => {
      await double.again(302)
      await double.again()
      assert.deepEqual(double.paths.filter((path) => path.endsWith('/elsewhere')), [])
    })

    step('waits while the server is busy', async () => {
      await double.again(503)
      await double.connections(double.asked.length + 1)
      assert.equal(await word(program, good), 'passes', 'it is current, and nothing has been long ago')
      assert.equal(await word(program, double.token('last')), 'revoked')
    })

    step('is blind when it may not listen', async () => {
      for (const status of [403, 401]) {
        await double.again(status)
        await becomesCurrent(false)
        assert.equal(await word(program, good), 'blind')
        assert.equal(await word(program, double.token('last')), 'revoked')
        await double.again()
        double.head(16)
        await becomesCurrent(true)
        assert.equal(await word(program, good), 'passes')
      }
    })

    step('refuses everything while there is no such realm', async () => {
      await double.again(404)
      await becomes(program, good, 'revoked')
      await double.again()
      double.head(17)
      await becomes(program, good, 'passes')
      assert.equal(await word(program, double.token('last')), 'revoked')
    })

    step('begins anew where a number was never given', async () => {
      const count = double.asked.length
      assert.equal((await double.again(410)).since, '17')
      assert.equal((await double.connections(count + 2)).since, null)
      await becomesCurrent(false)
      double.revoke(1, { sid: 'after' })
      double.head(2)
      await becomesCurrent(true)
      assert.equal(await word(program, double.token('last')), 'passes', 'what was known is of another life')
      assert.equal(await word(program, double.token('after')), 'revoked')
    })

    step('takes a new key of the realm, and does not let strangers make it ask', async () => {
      const next = pair()
      double.rotate('next', next)
      await becomes(program, double.token('new key', 'next', next.privateKey), 'passes')
      const asked = () => double.paths.filter((path) => path.endsWith('/certs')).length
      const [before, from] = [asked(), performance.now()]
      for (let stranger = 0; stranger < 30; stranger += 1) {
        assert.equal(await word(program, double.token('x', `stranger ${stranger}`, next.privateKey)), 'refused')
      }
      const allowed = 1 + Math.floor((performance.now() - from) / KEYS)
      assert.ok(asked() - before <= allowed, `${asked() - before} times, ${allowed} allowed`)
    })

    step('gives up a connection that is silent', async () => {
      const count = double.asked.length
      await double.connections(count + 1, SILENCE + PATIENCE)
      assert.equal(double.connection.since, '2')
    })

    step('is blind with more records than it keeps, and forgets none', async () => {
      const count = double.asked.length
      // One is kept already: number 1.
      for (let id = 3; id < MOST + 20; id += 1) double.revoke(id, { sid: `of many ${id}` })
      assert.equal((await double.connections(count + 1)).since, `${MOST + 1}`)
      await becomesCurrent(false)
      assert.equal(await word(program, good), 'blind')
      for (const sid of ['after', `of many ${MOST + 1}`]) assert.equal(await word(program, double.token(sid)), 'revoked')
    })
  })
}

/** The status lists. */
export function listing(verifier) {
  describe(`${verifier.name}, with lists of a double`, { concurrency: 1 }, () => {
    let double, program

    before(async () => {
      double = await Double.make()
      program = await start(verifier, { MODE: 'status-list', ISSUER: double.issuer, AUDIENCE: 'orders', MAX_STALE: '3600' })
    })
    after(async () => {
      await program?.stop()
      await double?.close()
    })

    test('fetches a list for its time, not for each token', async () => {
      const list = (double.lists[0] = { places: [7] })
      await becomes(program, double.placed(6, 0), 'passes')
      const [before, from] = [list.asked, performance.now()]
      for (let place = 8; place < 60; place += 1) assert.equal(await word(program, double.placed(place, 0)), 'passes')
      assert.equal(await word(program, double.placed(7, 0)), 'revoked')
      // It may be asked for twice in its life of a second, so that no token has to wait.
      const allowed = 2 + Math.floor((performance.now() - from) / 250)
      assert.ok(list.asked - before <= allowed, `${list.asked - before} times, ${allowed} allowed`)
    })

    test('sees what is set, and asks whether anything changed', async () => {
      const list = double.lists[0]
      // A list that is in use is asked for again.
      const asked = async () => (await word(program, double.placed(6, 0))) === 'passes' && list.unchanged > 0
      assert.ok(await eventually(asked, true))
      list.places = [7, 9]
      await becomes(program, double.placed(9, 0), 'revoked')
      assert.equal(await word(program, double.placed(8, 0)), 'passes')
      list.places = [7]
      await becomes(program, double.placed(9, 0), 'passes', 'a place is used again')
    })

    test('goes on with what it has for a while', async () => {
      const list = double.lists[0]
      list.isDown = true
      const before = list.asked
      const asked = async () => (await word(program, double.placed(6, 0))) === 'passes' && list.asked > before + 1
      assert.ok(await eventually(asked, true))
      assert.equal(await word(program, double.placed(7, 0)), 'revoked')
      list.isDown = false
    })

    test('believes no list that is not what the token names', async () => {
      const now = Math.floor(Date.now() / 1000)
      const odd = {
        'of another key': { key: pair().privateKey },
        'without a signature': { header: { alg: 'none' } },
        'of another type': { header: { typ: 'JWT' } },
        'of another address': { claims: { sub: `${double.issuer}/status-lists/0` } },
        'that has run out': { claims: { exp: now - 3_600 } },
        'that unpacks to very much': { size: 64 << 20 },
        'without bits': { claims: { status_list: { bits: 3, lst: 'eNrbuRgAAhcBXQ' } } },
      }
      for (const [number, [what, list]] of Object.entries(Object.entries(odd))) {
        const id = 100 + Number(number)
        double.lists[id] = { places: [], ...list }
        assert.equal(await word(program, double.placed(1, id)), 'blind', `a list ${what}`)
        assert.ok(double.lists[id].asked, 'it was fetched')
      }
      assert.equal(await word(program, double.placed(6, 0)), 'passes', 'and a good one is good all the same')
    })

    test('fetches nothing that is not a list of the realm', async () => {
      for (const uri of [`${double.url}/elsewhere`, `${double.issuer}/elsewhere`, `${double.issuer}/status-lists/../elsewhere`]) {
        assert.equal(await word(program, double.placed(1, uri)), 'refused', uri)
      }
      assert.deepEqual(double.paths.filter((path) => path.endsWith('/elsewhere')), [])
    })
  })
}
