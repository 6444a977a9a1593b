// The shops: the same little application, written with one library each.
//
//   GET /         who is signed in
//   GET /login    signs in at the server, and comes back to /
//   GET /orders   what the API says, asked with the access token
//   GET /refresh  new tokens: "refreshed", or "session ended" when the server has none any more
//   GET /logout   signs out here and at the server, and comes back to /

import { fileURLToPath } from 'node:url'

const here = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url))
/** Where `cargo xtask clients` puts what has to be built. */
const built = (path) => `${process.env.BUILT ?? here('../target/clients')}/${path}`

/** Puts a client into the audience of its own access tokens. */
const audience = (name) => ({
  name: 'audience',
  protocol: 'openid-connect',
  protocolMapper: 'oidc-audience-mapper',
  config: { 'included.client.audience': name, 'access.token.claim': 'true' },
})

export const shops = [
  {
    name: 'openid-client',
    run: ['node', 'shop.mjs'],
    /** What the client has besides what all have. */
    client: (url) => ({
      // Keycloak lets a client introspect only what is meant for it.
      protocolMappers: [audience('openid-client')],
      attributes: { 'backchannel.logout.url': `${url}/backchannel`, 'pkce.code.challenge.method': 'S256' },
    }),
    /** Whether the server's message of a logout ends the shop's own session. */
    told: true,
  },
  {
    name: 'authlib',
    run: [built('python/bin/python'), 'shop.py'],
    client: (url) => ({ attributes: { 'backchannel.logout.url': `${url}/backchannel` } }),
    told: true,
  },
  {
    name: 'django',
    run: [built('python/bin/python'), 'shop.py'],
    // The backend for Keycloak asks that the access token be meant for the client.
    client: () => ({ protocolMappers: [audience('django')] }),
    told: false,
  },
  {
    name: 'go-oidc',
    run: [built('go-oidc')],
    client: (url) => ({ attributes: { 'backchannel.logout.url': `${url}/backchannel` } }),
    told: true,
  },
  {
    name: 'openidconnect',
    run: [built('cargo/debug/shop')],
    client: () => ({}),
    told: false,
  },
  {
    name: 'keycloak-connect',
    run: ['node', 'shop.mjs'],
    client: (url) => ({ adminUrl: url }),
    told: true,
  },
  {
    name: 'spring',
    run: ['java', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-jar', built('spring/shop.jar')],
    client: (url) => ({ attributes: { 'backchannel.logout.url': `${url}/logout/connect/back-channel/server` } }),
    told: true,
  },
].map((shop) => ({ ...shop, cwd: here(`shops/${shop.name}`) }))

/** A confidential client as all shops have it. */
export function client(shop, url, secret) {
  const { attributes, ...more } = shop.client(url)
  return {
    clientId: shop.name,
    secret,
    publicClient: false,
    directAccessGrantsEnabled: false,
    redirectUris: [`${url}/*`],
    attributes: {
      'post.logout.redirect.uris': `${url}/*`,
      // Without it the message of a logout does not name the session.
      'backchannel.logout.session.required': 'true',
      ...attributes,
    },
    ...more,
  }
}
