// An administrator's work, by the libraries and tools that administrators have: each makes a realm, does everything that it
// knows to do, looks at what comes back, and removes what it made.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ADMIN, BASE, admin, secret } from './realm.mjs'

const here = (path) => fileURLToPath(new URL(`../administrators/${path}`, import.meta.url))
const built = (path) => `${process.env.BUILT ?? fileURLToPath(new URL('../../target/clients', import.meta.url))}/${path}`
const python = (program) => built(`administrators/bin/${program}`)
/** How long one may take, on a machine with much else to do. */
const LIMIT = 600_000

const only = process.env.ONLY?.split(',') ?? []
const all = only.length === 0 || only.includes('administrators')

/** Runs a program to its end; what it said, if all went well. */
function run([command, ...args], { cwd, env }) {
  return new Promise((done, fail) => {
    const settings = { cwd, env: { ...process.env, ...env }, timeout: LIMIT, maxBuffer: 64 << 20 }
    execFile(command, args, settings, (problem, stdout, stderr) => {
      const said = `${stdout}\n${stderr}`
      problem ? fail(new Error(`${command} ended with ${problem.code ?? problem.signal}\n${said.slice(-6_000)}`)) : done(said)
    })
  })
}

/** A realm's name that no run had before; the realm goes, whatever happens. */
async function withRealm(name, work) {
  const realm = `${name}-${secret().slice(0, 8)}`
  try {
    await work(realm)
  } finally {
    await admin('DELETE', `/${realm}`).catch(() => undefined)
  }
}

async function isGone(realm) {
  await assert.rejects(admin('GET', `/${realm}`), /404/, 'the realm was removed')
}

/** Programs that do all of it at once, and say at the end what they did. */
const programs = [
  { name: 'java', command: ['java', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-jar', built('administrators-java/administrator.jar')], groups: 15 },
  { name: 'gocloak', command: [built('gocloak')], groups: 12 },
  { name: 'keycloak-admin-client', command: [process.execPath, 'administrator.mjs'], groups: 16 },
  { name: 'python-keycloak', command: [python('python'), 'administrator.py'], groups: 15 },
]

describe('administrators', { concurrency: 2 }, () => {
  for (const { name, command, cwd, groups } of programs.filter(({ name }) => all || only.includes(name))) {
    test(name, () => withRealm(name, async (realm) => {
      const env = { BASE_URL: BASE, REALM: realm, ADMIN: ADMIN.username, ADMIN_PASSWORD: ADMIN.password }
      const said = await run(command, { cwd: cwd ?? here(name), env })
      const done = said.split('\n').filter((line) => line.startsWith('done: '))
      assert.equal(done.length, groups, `each of its groups was done\n${said.slice(-6_000)}`)
      await isGone(realm)
    }))
  }

  if (all || only.includes('ansible')) {
    test('ansible: a playbook, played twice, has nothing left to change', () => withRealm('ansible', async (realm) => {
      const folder = await mkdtemp(join(tmpdir(), 'ansible-'))
      try {
        const files = { private_key: join(folder, 'key.pem'), certificate: join(folder, 'certificate.pem') }
        await run([python('python'), here('ansible/pair.py'), folder], { cwd: folder })
        const vars = join(folder, 'vars.json')
        await writeFile(vars, JSON.stringify({
          base_url: BASE, realm, admin: ADMIN.username, admin_password: ADMIN.password, secret: secret(), files,
        }))
        const env = {
          ANSIBLE_HOME: folder,
          ANSIBLE_COLLECTIONS_PATH: built('ansible'),
          ANSIBLE_NOCOLOR: '1',
          ANSIBLE_PIPELINING: '1',
          ANSIBLE_LOCALHOST_WARNING: '0',
          LC_ALL: 'C.UTF-8',
        }
        const play = async (book) => {
          const command = [python('ansible-playbook'), '--inventory', 'localhost,', '--extra-vars', `@${vars}`,
            '--extra-vars', `ansible_python_interpreter=${python('python')}`, here(`ansible/${book}`)]
          const said = await run(command, { cwd: folder, env })
          const [, ok, changed] = /ok=(\d+) +changed=(\d+) +unreachable=0 +failed=0/.exec(said) ?? assert.fail(said)
          return { ok: Number(ok), changed: Number(changed), said }
        }
        const first = await play('realm.yaml')
        assert.ok(first.changed > 20, first.said)
        const second = await play('realm.yaml')
        assert.equal(second.ok, first.ok)
        assert.equal(second.changed, 0, second.said)
        const removed = await play('remove.yaml')
        assert.ok(removed.changed > 8, removed.said)
        await isGone(realm)
      } finally {
        await rm(folder, { recursive: true })
      }
    }))
  }
})
