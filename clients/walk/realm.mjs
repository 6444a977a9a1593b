// A realm of its own for a test, made and removed through the Admin API.

import { randomBytes } from 'node:crypto'

/** Where the server is: the same walks go to Claviger and to Keycloak. */
export const BASE = (process.env.BASE_URL ?? 'http://127.0.0.1:8080').replace(/\/$/, '')

/** The administrator of the master realm. */
export const ADMIN = { username: process.env.ADMIN ?? 'admin', password: process.env.ADMIN_PASSWORD ?? 'admin' }

/** A password that no server has seen before. */
export const secret = () => randomBytes(12).toString('hex')

let token = { value: '', from: 0 }

async function bearer() {
  // The administrators' tokens last a minute.
  if (Date.now() - token.from > 30_000) {
    const answer = await fetch(`${BASE}/realms/master/protocol/openid-connect/token`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'password', client_id: 'admin-cli', ...ADMIN }),
    })
    if (!answer.ok) throw new Error(`the administrator cannot sign in: ${answer.status} ${await answer.text()}`)
    token = { value: (await answer.json()).access_token, from: Date.now() }
  }
  return token.value
}

/** A request to the Admin API; what it answers, or an error that says what went wrong. */
export async function admin(method, path, body) {
  const answer = await fetch(`${BASE}/admin/realms${path}`, {
    method,
    headers: { authorization: `Bearer ${await bearer()}`, 'content-type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${method} /admin/realms${path}: ${answer.status} ${text}`)
  return text ? JSON.parse(text) : undefined
}

export class Realm {
  /** Makes a realm out of a representation; its name gets an ending of its own. */
  static async make(name, representation) {
    const realm = new Realm()
    realm.name = `${name}-${secret().slice(0, 8)}`
    realm.issuer = `${BASE}/realms/${realm.name}`
    realm.password = secret()
    const users = (representation.users ?? []).map((user) => realm.person(user))
    await admin('POST', '', { realm: realm.name, enabled: true, sslRequired: 'none', ...representation, users })
    return realm
  }

  /** What a new realm would be exported as: its flows and required actions can be changed before it is made. */
  static async template() {
    const realm = await Realm.make('template', {})
    const whole = await admin('POST', `/${realm.name}/partial-export`)
    await realm.remove()
    return whole
  }

  /** The representation of a user who has all that the profile asks for, and the realm's password. */
  person({ username, credentials = [], ...more }) {
    return {
      username,
      enabled: true,
      email: `${username}@shop.example`,
      emailVerified: true,
      firstName: 'Alice',
      lastName: 'Liddell',
      credentials: [{ type: 'password', value: this.password }, ...credentials],
      ...more,
    }
  }

  async user(username) {
    const [user] = await admin('GET', `/${this.name}/users?exact=true&username=${username}`)
    return user
  }

  /** The sessions that the server knows of a user. */
  async sessions(username) {
    const { id } = await this.user(username)
    return admin('GET', `/${this.name}/users/${id}/sessions`)
  }

  /** What an administrator does who signs a user out everywhere. */
  async signOut(username) {
    const { id } = await this.user(username)
    await admin('POST', `/${this.name}/users/${id}/logout`)
  }

  async remove() {
    await admin('DELETE', `/${this.name}`)
  }
}
