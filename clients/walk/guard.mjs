// A verifier's sample program, and what it says of a token.

import assert from 'node:assert/strict'
import http from 'node:http'
import { eventually } from './patience.mjs'
import { Program } from './program.mjs'
import { verifiers } from './verifiers.mjs'

const asked = process.env.ONLY?.split(',')
/** The verifiers that are to be tried. */
export const open = verifiers.filter((verifier) => !asked || asked.includes('verifiers') || asked.includes(verifier.folder))

const REVOKED = 'The token was revoked'

/** Starts a program; it listens before the server is reached. */
export async function start({ name, run, cwd, env: own }, env) {
  const program = new Program(name, run, { cwd, env: { PORT: '0', ...own, ...env }, stdin: 'pipe' })
  try {
    const [, address] = await program.says(/^listening on (127\.0\.0\.1:\d+)$/m)
    program.url = `http://${address}`
  } catch (problem) {
    await program.stop()
    throw problem
  }
  return program
}

/** Asks on a connection of its own: one that is kept may be closed in the moment in which it is used again. */
function get(url, headers = {}) {
  return new Promise((done, fail) => {
    const request = http.get(url, { agent: false, headers }, (answer) => {
      let body = ''
      answer.setEncoding('utf8').on('error', fail)
      answer.on('data', (part) => (body += part)).on('end', () => done({ status: answer.statusCode, headers: answer.headers, text: body }))
    })
    request.on('error', fail)
  })
}

/** What a program answers. */
export async function ask(program, authorization) {
  const answer = await get(`${program.url}/`, authorization && { authorization })
  return { ...answer, challenge: answer.headers['www-authenticate'] ?? '' }
}

/** The same in a word. */
export async function word(program, token) {
  const { status, challenge } = await ask(program, `Bearer ${token}`)
  if (status === 200) return 'passes'
  if (status === 503) return 'blind'
  if (status !== 401) return `${status}`
  assert.match(challenge, /^Bearer .*error="invalid_token"/, 'a refusal says why')
  return challenge.includes(`error_description="${REVOKED}"`) ? 'revoked' : 'refused'
}

/** Whether a program says that it knows what is revoked. */
export const isCurrent = async (program) => JSON.parse((await get(`${program.url}/health`)).text).current

/** That a program's word is, sooner or later, the expected one. */
export async function becomes(program, token, expected, why) {
  assert.equal(await eventually(() => word(program, token), expected), expected, why)
}
