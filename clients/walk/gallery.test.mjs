// Every page that the server can show, with everything on it that it can have, as `pages/tests/it/written.rs` writes it
// down. `walk/pages.test.mjs` reaches each of them at a server, as a person does, and takes its picture.

import assert from 'node:assert/strict'
import { readFile, readdir } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { launch, person } from './browser.mjs'
import { LOOK, suitsEverybody, watch } from './looks.mjs'
import { freePort } from './program.mjs'

const folder = `${process.env.BUILT}/gallery`
const resources = fileURLToPath(new URL('../../pages/resources', import.meta.url))
const types = { '.html': 'text/html', '.css': 'text/css', '.js': 'text/javascript', '.svg': 'image/svg+xml' }
const here = `http://127.0.0.1:${await freePort()}`

/** Pages lie in the gallery, their styles and scripts where they are written. */
function file(path) {
  const [, kind, rest] = path.match(/^\/auth\/resources\/[^/]+\/([a-z]+)\/claviger\/([a-z0-9./-]+)$/) ?? []
  return kind ? `${resources}/${kind}/${rest}` : `${folder}${path}`
}

const server = createServer(async (request, response) => {
  const path = new URL(request.url, here).pathname
  const body = await readFile(file(path)).catch(() => undefined)
  response.writeHead(body ? 200 : 404, { 'content-type': types[extname(path)] ?? 'text/plain' }).end(body)
})
let browser

before(async () => {
  await new Promise((done) => server.listen(new URL(here).port, '127.0.0.1', done))
  browser = await launch()
})

after(async () => {
  await browser?.close()
  server.close()
})

for (const name of (await readdir(folder)).map((file) => file.replace('.html', '')).sort()) {
  test(name, async () => {
    const context = await person(browser, LOOK)
    const page = await context.newPage()
    const wrongs = watch(page, here, 'https://app.example/')
    // The page of a logout goes on by its script, once the applications in its frames have answered.
    if (name.includes('frontchannel')) {
      await page.route('**/*.js', (route) => route.fulfill({ contentType: 'text/javascript', body: '' }))
      await page.route('https://app.example/**', (route) => route.fulfill({ contentType: 'text/html', body: 'bye' }))
    }
    await page.goto(`${here}/${name}.html`)
    await suitsEverybody(page)
    assert.deepEqual(wrongs, [])
    await context.close()
  })
}
