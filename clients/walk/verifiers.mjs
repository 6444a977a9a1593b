// The verifiers of ../verifiers: how the sample program of each is started.

import { fileURLToPath } from 'node:url'

const here = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url))
/** Where `cargo xtask clients` puts what has to be built. */
const built = (path) => `${process.env.BUILT ?? here('target/clients')}/${path}`

export const verifiers = [
  // { name: its folder (or `folder`), run: [built('verifiers/…')], statusList: whether it knows MODE=status-list }
  { name: 'rust', run: [built('../debug/examples/api')], statusList: true },
  { name: 'go', run: [built('verifiers/go')] },
  { name: 'node', run: ['node', 'api.mjs'], statusList: true },
  { name: 'node, with Fastify', folder: 'node', run: ['node', 'api.mjs'], env: { FRAMEWORK: 'fastify' }, statusList: true },
  { name: 'python', run: [built('verifiers/python/bin/python'), 'api.py'] },
  { name: 'java', run: ['java', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-jar', built('verifiers/java/api.jar')] },
].map(({ folder, ...verifier }) => ({ folder: folder ?? verifier.name, ...verifier }))
  .map((verifier) => ({ ...verifier, cwd: here(`verifiers/${verifier.folder}`) }))
