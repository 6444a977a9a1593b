// How a verifier follows the feed, step by step: at a double of the server.

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

/** The tests of it. */
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
