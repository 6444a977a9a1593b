// An API that takes access tokens: with Express, or with Fastify where FRAMEWORK=fastify.

import { Verifier } from './verifier.mjs'

const { ISSUER, FEED_CLIENT_ID, FEED_CLIENT_SECRET, AUDIENCE, MAX_STALE, WHEN_BLIND, MAX_RECORDS, MODE, FRAMEWORK } = process.env
const port = Number(process.env.PORT ?? 0)

const verifier = new Verifier({
  issuer: ISSUER,
  clientId: FEED_CLIENT_ID,
  clientSecret: FEED_CLIENT_SECRET,
  audience: AUDIENCE || undefined,
  maxStale: MAX_STALE ? Number(MAX_STALE) : undefined,
  whenBlind: WHEN_BLIND || undefined,
  maxRecords: MAX_RECORDS ? Number(MAX_RECORDS) : undefined,
  mode: MODE || undefined,
})

async function express() {
  const { default: express } = await import('express')
  const app = express()
  app.get('/health', (_, response) => response.json({ current: verifier.current }))
  app.use(verifier.express())
  app.get('/', (request, response) => response.json({ sub: request.claims.sub }))
  const server = app.listen(port, '127.0.0.1', () => console.log(`listening on 127.0.0.1:${server.address().port}`))
  return () => server.close().closeAllConnections()
}

async function fastify() {
  const { default: fastify } = await import('fastify')
  const app = fastify({ forceCloseConnections: true })
  app.decorateRequest('claims', null)
  app.get('/health', async () => ({ current: verifier.current }))
  app.get('/', { onRequest: verifier.fastify() }, async (request) => ({ sub: request.claims.sub }))
  await app.listen({ port, host: '127.0.0.1' })
  console.log(`listening on 127.0.0.1:${app.server.address().port}`)
  return () => app.close()
}

const close = await (FRAMEWORK === 'fastify' ? fastify() : express())
const end = () => {
  verifier.close()
  close()
  process.stdin.destroy()
}
process.once('SIGTERM', end)
process.stdin.resume().once('end', end).once('error', end)
