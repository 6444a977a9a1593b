// The verifiers of ../verifiers: how the sample program of each is started.

import { fileURLToPath } from 'node:url'

const here = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url))
/** Where `cargo xtask clients` puts what has to be built. */
const built = (path) => `${process.env.BUILT ?? here('target/clients')}/${path}`

export const verifiers = [
  { name: 'rust', run: [built('../debug/examples/api')], statusList: true },
  { name: 'go', run: [built('verifiers/go')] },
].map((verifier) => ({ ...verifier, cwd: here(`verifiers/${verifier.name}`) }))
