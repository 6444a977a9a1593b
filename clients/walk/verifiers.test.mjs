// Each verifier of ../verifiers, at a running server: what it lets pass, what it refuses, from when on, and what it does
// while the server cannot be reached.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { following, listing } from './following.mjs'
import { ask, becomes, isCurrent, open, start, word } from './guard.mjs'
import { PATIENCE, eventually } from './patience.mjs'
import { Proxy } from './proxy.mjs'
import { BASE, Realm, admin, secret } from './realm.mjs'
import { components, decoded, forged, refused } from './tokens.mjs'

/** The API that the tokens are for, and the client that its verifier is at the feed. */
const API = 'orders'
/** Longer than the server's beat of ten seconds, and as short as can be: so long do tests of a cut wait. */
const MAX_STALE = 13

/** An application that gets tokens for the API. */
const shop = (clientId, attributes = {}) => ({
  clientId,
  secret: 'of-no-worth',
  publicClient: false,
  directAccessGrantsEnabled: true,
  attributes,
  protocolMappers: [{
    name: 'audience',
    protocol: 'openid-connect',
    protocolMapper: 'oidc-audience-mapper',
    config: { 'included.custom.audience': API, 'access.token.claim': 'true' },
  }],
})

/** A realm, the way to it, and the programs that guard something. */
class World {
  static async make(verifier) {
    const world = new World()
    world.verifier = verifier
    world.programs = []
    world.proxy = await Proxy.to(BASE)
    world.secret = secret()
    world.realm = await Realm.make(`verifier-${verifier.folder}`, {
      accessTokenLifespan: 600,
      attributes: { 'status.list.ttl': '1' },
      components,
      users: ['alice', 'bob', 'carol', 'dave', 'erin'].map((username) => ({ username })),
      clients: [
        shop('shop'), shop('till'), shop('listed', { 'status.list.enabled': 'true' }),
        { ...shop('museum'), protocolMappers: [] },
        { clientId: API, secret: world.secret, publicClient: false, attributes: { 'revocation.feed.enabled': 'true' } },
      ],
    })
    // Tokens are of the address by which they were asked for, and so through the proxy.
    world.issuer = `${world.proxy.url}/realms/${world.realm.name}`
    return world
  }

  /** Starts a program; it listens before the server is reached. */
  async start(more = {}) {
    const program = await start(this.verifier, {
      ISSUER: this.issuer, FEED_CLIENT_ID: API, FEED_CLIENT_SECRET: this.secret, AUDIENCE: API, MAX_STALE: `${MAX_STALE}`, ...more,
    })
    this.programs.push(program)
    return program
  }

  async post(path, client, form, base = this.proxy.url) {
    return fetch(`${base}/realms/${this.realm.name}/protocol/openid-connect/${path}`, {
      method: 'POST',
      body: new URLSearchParams({ client_id: client, client_secret: 'of-no-worth', ...form }),
    })
  }

  /** Signs somebody in at an application, in a session of its own. */
  async signIn(username, client = 'shop') {
    const form = { grant_type: 'password', username, password: this.realm.password, scope: 'openid' }
    const answer = await this.post('token', client, form)
    assert.equal(answer.status, 200, await answer.clone().text())
    return answer.json()
  }

  async accessToken(username, client) {
    return (await this.signIn(username, client)).access_token
  }

  async close() {
    await Promise.all(this.programs.map((program) => program.stop()))
    await this.proxy.close()
  }
}

/** That it passes all along: what is asked once too early says nothing, so it is asked a few times. */
async function staysGood(program, token) {
  // A machine that stands still for seconds makes anybody blind for a moment, and is waited for.
  await becomes(program, token, 'passes', 'what has not ended passes')
}

/** What ends tokens: done to a person's tokens, `gone`; `stays` is what goes on, and `again` who may sign in anew. */
const doors = {
  'an administrator signs a user out': async (world) => {
    const gone = await world.signIn('alice')
    return {
      gone, stays: await world.accessToken('bob'), again: ['alice'],
      end: () => world.realm.signOut('alice'),
    }
  },
  'an administrator ends a session': async (world) => {
    const gone = await world.signIn('alice')
    return {
      gone, stays: await world.accessToken('alice'), again: ['alice'],
      end: () => admin('DELETE', `/${world.realm.name}/sessions/${decoded(gone.access_token).claims.sid}`),
    }
  },
  'an application signs out': async (world) => {
    const gone = await world.signIn('bob')
    return {
      gone, stays: await world.accessToken('bob'), again: ['bob'],
      end: async () => assert.equal((await world.post('logout', 'shop', { refresh_token: gone.refresh_token })).status, 204),
    }
  },
  'an application revokes one token': async (world) => {
    const gone = await world.signIn('carol')
    // Of the same session.
    const next = await world.post('token', 'shop', { grant_type: 'refresh_token', refresh_token: gone.refresh_token })
    return {
      gone, stays: (await next.json()).access_token, again: ['carol'],
      end: async () => assert.equal((await world.post('revoke', 'shop', { token: gone.access_token })).status, 200),
    }
  },
  'an administrator disables an application': async (world) => {
    const gone = await world.signIn('carol', 'till')
    const [till] = await admin('GET', `/${world.realm.name}/clients?clientId=till`)
    return {
      gone, stays: await world.accessToken('carol'), again: ['carol', 'shop'],
      end: () => admin('PUT', `/${world.realm.name}/clients/${till.id}`, { ...till, enabled: false }),
    }
  },
  'an administrator disables a user': async (world) => {
    const gone = await world.signIn('dave')
    const { id, ...dave } = await world.realm.user('dave')
    return {
      gone, stays: await world.accessToken('erin'), again: ['erin'],
      end: () => admin('PUT', `/${world.realm.name}/users/${id}`, { ...dave, enabled: false }),
    }
  },
}

// Most of the time is waiting for what must not come: all at once.
describe('verifiers', { concurrency: 3 * open.length || 1 }, () => {
  for (const verifier of open) {
    following(verifier)
    if (verifier.statusList) listing(verifier)
    describe(verifier.name, { concurrency: 1 }, () => {
      let world, strict, lenient, listed, hasFailed

      /** One step; where it fails, what the programs printed is told at the end. */
      const step = (name, work) => test(name, async () => {
        try {
          await work()
        } catch (problem) {
          hasFailed = true
          throw problem
        }
      })

      before(async () => {
        world = await World.make(verifier)
      })
      after(async () => {
        await world?.close()
        if (hasFailed) for (const { name, said } of world.programs) console.log(`${name} said:\n${said}`)
        await world?.realm.remove().catch(() => undefined)
      })

      step('starts without the server, and lets nobody pass until it knows', async () => {
        const good = await world.accessToken('alice')
        world.proxy.cut()
        const modes = [{}, { WHEN_BLIND: 'accept' }, ...(verifier.statusList ? [{ MODE: 'status-list' }] : [])]
        ;[strict, lenient, listed] = await Promise.all(modes.map((mode) => world.start(mode)))
        for (const program of [strict, lenient]) {
          // It has no keys either, so that it cannot tell what is signed.
          assert.equal(await word(program, good), 'blind')
          assert.equal(await isCurrent(program), false)
        }
        world.proxy.restore()
        for (const program of [strict, lenient]) {
          await becomes(program, good, 'passes')
          assert.equal(await eventually(() => isCurrent(program), true), true)
        }
      })

      step('asks for a token', async () => {
        for (const authorization of [undefined, 'Basic YTpi']) {
          const { status, challenge } = await ask(strict, authorization)
          assert.equal(status, 401)
          assert.match(challenge, /^Bearer realm="/)
          assert.doesNotMatch(challenge, /error=/)
        }
      })

      step('says whose token it is', async () => {
        const good = await world.accessToken('alice')
        await becomes(strict, good, 'passes')
        const { text } = await ask(strict, `bearer ${good}`)
        assert.deepEqual(JSON.parse(text), { sub: decoded(good).claims.sub })
      })

      step('refuses what is not a good token', async () => {
        const good = await world.signIn('alice')
        await becomes(strict, forged(good.access_token), 'passes', 'the forger knows the key')
        const table = Object.entries({
          ...refused(good.access_token),
          'an ID token': good.id_token,
          'a refresh token': good.refresh_token,
          'a token for another API': await world.accessToken('alice', 'museum'),
        })
        for (const [what, token] of table) assert.equal(await word(strict, token), 'refused', what)
        const bare = await ask(strict, `Bearer ${good.id_token}`)
        assert.ok(!bare.text.includes(good.id_token) && !bare.challenge.includes(good.id_token), 'the token is not told')
        await becomes(strict, good.access_token, 'passes', 'and a good one passes all the same')
      })

      for (const [name, prepare] of Object.entries(doors)) {
        step(`refuses at once, when ${name}`, async () => {
          const { gone, stays, again, end } = await prepare(world)
          for (const program of [strict, lenient]) {
            await becomes(program, gone.access_token, 'passes')
            await becomes(program, stays, 'passes')
          }
          await end()
          for (const program of [strict, lenient]) {
            await becomes(program, gone.access_token, 'revoked')
            await staysGood(program, stays)
            // A token from the second of the logout may count as older: the next one does not.
            const fresh = async () => word(program, await world.accessToken(...again))
            assert.equal(await eventually(fresh, 'passes'), 'passes', 'who signs in again is let in')
            assert.equal(await word(program, gone.access_token), 'revoked', 'and what is dead stays dead')
          }
        })
      }

      if (verifier.statusList) {
        step('goes by the status list where it is told to', async () => {
          const [gone, stays] = [await world.signIn('alice', 'listed'), await world.accessToken('alice', 'listed')]
          await becomes(listed, gone.access_token, 'passes')
          await becomes(listed, stays, 'passes')
          const { claims } = decoded(stays)
          const { idx, uri } = claims.status.status_list
          const placed = (list) => forged(stays, { claims: { status: list && { status_list: list } } })
          assert.equal(await word(listed, await world.accessToken('alice')), 'refused', 'a token without a place')
          assert.equal(await word(listed, placed({ idx })), 'refused', 'no address')
          assert.equal(await word(listed, placed({ idx, uri: 'http://127.0.0.1:9/' })), 'refused', 'an address elsewhere')
          assert.equal(await word(listed, placed({ idx, uri: `${uri}/../../../../master/status-lists/0` })), 'refused', 'a way round')
          assert.equal(await word(listed, placed({ idx: -1, uri })), 'refused', 'no place')
          assert.equal(await word(listed, placed({ idx: 2 ** 40, uri })), 'refused', 'a place beyond the end')
          await admin('DELETE', `/${world.realm.name}/sessions/${decoded(gone.access_token).claims.sid}`)
          await becomes(listed, gone.access_token, 'revoked')
          await staysGood(listed, stays)
          await becomes(listed, await world.accessToken('alice', 'listed'), 'passes')
        })
      }

      step('goes by its rule while it is blind, and has missed nothing afterwards', async () => {
        const [known, missed, good] = [await world.signIn('alice'), await world.signIn('bob'), await world.accessToken('erin')]
        const placed = listed && [await world.signIn('alice', 'listed'), await world.accessToken('bob', 'listed')]
        for (const program of [strict, lenient]) {
          for (const token of [known.access_token, missed.access_token, good]) await becomes(program, token, 'passes')
        }
        const end = (of) => admin('DELETE', `/${world.realm.name}/sessions/${decoded(of.access_token).claims.sid}`)
        await end(known)
        for (const program of [strict, lenient]) await becomes(program, known.access_token, 'revoked')
        if (listed) {
          await becomes(listed, placed[1], 'passes')
          await end(placed[0])
          await becomes(listed, placed[0].access_token, 'revoked')
        }

        world.proxy.cut()
        await end(missed)
        for (const program of [strict, lenient]) {
          assert.equal(await eventually(() => isCurrent(program), false, MAX_STALE * 1_000 + PATIENCE), false)
        }
        assert.equal(await word(strict, good), 'blind')
        const { headers, text } = await ask(strict, `Bearer ${good}`)
        assert.equal(headers['retry-after'], '1')
        assert.equal(JSON.parse(text).error, 'temporarily_unavailable')
        assert.equal(await word(lenient, good), 'passes')
        assert.equal(await word(lenient, missed.access_token), 'passes', 'what it cannot know, it does not know')
        for (const program of [strict, lenient]) assert.equal(await word(program, known.access_token), 'revoked')
        if (listed) {
          assert.equal(await eventually(() => word(listed, placed[1]), 'blind', MAX_STALE * 1_000 + PATIENCE), 'blind')
          assert.equal(await word(listed, placed[0].access_token), 'revoked')
        }

        world.proxy.restore()
        if (listed) await becomes(listed, placed[1], 'passes')
        for (const program of [strict, lenient]) {
          assert.equal(await eventually(() => isCurrent(program), true), true)
          // Asked once: who says to be current has to know.
          assert.equal(await word(program, missed.access_token), 'revoked')
          assert.equal(await word(program, known.access_token), 'revoked')
          await becomes(program, good, 'passes')
        }
      })

      step('refuses everything when the realm is gone', async () => {
        const good = await world.accessToken('erin')
        for (const program of [strict, lenient]) await becomes(program, good, 'passes')
        await world.realm.remove()
        for (const program of [strict, lenient]) await becomes(program, good, 'revoked')
      })

      step('ends when it is told to', async () => {
        strict.child.stdin.end()
        assert.ok(await strict.ended(), 'by the end of its input')
        lenient.child.kill('SIGTERM')
        assert.ok(await lenient.ended(), 'by a signal')
      })
    })
  }
})
