// Tokens as a test wants them: the realm signs with a key that the test knows, so that a token can be made that
// differs from a good one in a single thing.

import { constants, createHmac, generateKeyPairSync, sign } from 'node:crypto'

export const pair = () => generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
})

/** The realm's key, and one that is nobody's. */
export const known = pair()
const foreign = pair()

/** What makes a realm sign with the known key. */
export const components = {
  'org.keycloak.keys.KeyProvider': [{
    name: 'known',
    providerId: 'rsa',
    config: { priority: ['1000'], algorithm: ['RS256'], active: ['true'], enabled: ['true'], privateKey: [known.privateKey] },
  }],
}

const encoded = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
export const decoded = (token) => {
  const [header, claims] = token.split('.').slice(0, 2).map((part) => JSON.parse(Buffer.from(part, 'base64url')))
  return { header, claims }
}

const signatures = {
  RS256: (text, key = known.privateKey) => sign('sha256', text, key),
  PS256: (text, key = known.privateKey) =>
    sign('sha256', text, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }),
  // The public key taken for a shared secret: the attack that made lists of algorithms a habit.
  HS256: (text) => createHmac('sha256', known.publicKey).update(text).digest(),
  none: () => Buffer.alloc(0),
}

/** A token; what is `undefined` is left out. */
export function signed(header, claims, key) {
  const text = `${encoded(header)}.${encoded(claims)}`
  return `${text}.${signatures[header.alg](Buffer.from(text), key).toString('base64url')}`
}

/** A token like another one, but for what is given. */
export function forged(token, { header = {}, claims = {}, key } = {}) {
  const like = decoded(token)
  return signed({ ...like.header, ...header }, { ...like.claims, ...claims }, key)
}

/** What no verifier may take, each with what differs from a good token. */
export function refused(token) {
  const now = Math.floor(Date.now() / 1000)
  const { iss } = decoded(token).claims
  const [head, body, signature] = token.split('.')
  return {
    'no token at all': 'abc',
    'another payload under the signature': [head, encoded({ ...decoded(token).claims, sub: 'mallory' }), signature].join('.'),
    'no signature': `${head}.${body}.`,
    'the algorithm none': forged(token, { header: { alg: 'none' } }),
    'the public key as a shared secret': forged(token, { header: { alg: 'HS256' } }),
    'an algorithm that the key is not for': forged(token, { header: { alg: 'PS256' } }),
    'a key that is not of the realm': forged(token, { key: foreign.privateKey }),
    'the id of a key that is not of the realm': forged(token, { header: { kid: 'unknown' }, key: foreign.privateKey }),
    'a key that it brings along': forged(token, { header: { jwk: { kty: 'RSA' }, jku: 'http://127.0.0.1:9/', kid: undefined }, key: foreign.privateKey }),
    'a critical header that nobody knows': forged(token, { header: { crit: ['exp'], exp: 1 } }),
    'another issuer': forged(token, { claims: { iss: `${iss}x` } }),
    'no issuer': forged(token, { claims: { iss: undefined } }),
    'another audience': forged(token, { claims: { aud: ['other'] } }),
    'no audience': forged(token, { claims: { aud: undefined } }),
    'an end of an hour ago': forged(token, { claims: { exp: now - 3_600 } }),
    'no end': forged(token, { claims: { exp: undefined } }),
    'a beginning in an hour': forged(token, { claims: { nbf: now + 3_600 } }),
    'the type of an ID token': forged(token, { claims: { typ: 'ID' } }),
    'the type of a logout token': forged(token, { claims: { typ: 'Logout' } }),
    'no type': forged(token, { claims: { typ: undefined } }),
    'a key that it is bound to': forged(token, { claims: { cnf: { jkt: 'x' } } }),
  }
}
