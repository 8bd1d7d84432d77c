// What the devnet does not cover must be told clearly, by the method that was asked for.
const { callOf, keyOf, report, scenario } = require('./session.cjs')

const told = (promise) => promise.then((value) => `answered ${JSON.stringify(value)}`, (error) => error.message)

scenario(async (api) => {
  const raw = (method, params = []) => told(api._rpcCore.provider.send(method, params))
  const call = callOf(api, { pallet: 'System', call: 'remark', arguments: { remark: '0x00' }, items: [] })
  const signed = await call.signAsync(keyOf('//Charlie'), { nonce: 10_000_000 })
  const poor = await call.signAsync(keyOf('//nobody at all'), { nonce: 0 })
  const broken = signed.toU8a()
  broken[broken.length - 1] ^= 1
  report({
    pallets: ['referendum', 'council', 'forum'].map((name) => api.query[name] === undefined),
    method: await raw('babe_epochAuthorship'),
    proof: await raw('state_getReadProof', [['0x00']]),
    runtimeCall: await raw('state_call', ['BabeApi_configuration', '0x']),
    unknownBlock: await raw('state_getStorage', ['0x00', '0x' + '11'.repeat(32)]),
    parameters: await raw('state_getStorage', []),
    poor: await told(api.rpc.author.submitExtrinsic(poor)),
    broken: await raw('author_submitExtrinsic', ['0x' + Buffer.from(broken).toString('hex')]),
    garbage: await raw('author_submitExtrinsic', ['0x1234']),
  })
})
