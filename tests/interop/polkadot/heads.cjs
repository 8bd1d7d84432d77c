// Follows heads and events while transactions happen, then a fork; `devnet_*` goes through the same connection.
const { callOf, keyOf, report, scenario } = require('./session.cjs')

const remark = (text) => ({ pallet: 'System', call: 'remark_with_event', arguments: { remark: text }, items: [] })

scenario(async (api) => {
  const admin = (method, ...params) => api._rpcCore.provider.send(`devnet_${method}`, params)
  const waiting = []
  const seen = { heads: [], finalized: [], events: [], statuses: [] }
  const until = (condition) =>
    new Promise((resolve) => {
      if (condition()) resolve()
      else waiting.push({ condition, resolve })
    })
  const look = () => waiting.forEach(({ condition, resolve }) => condition() && resolve())
  const note = (list, value) => {
    list.push(value)
    look()
  }

  await api.rpc.chain.subscribeNewHeads((head) => note(seen.heads, [head.number.toNumber(), head.hash.toHex()]))
  await api.rpc.chain.subscribeFinalizedHeads((head) => note(seen.finalized, head.number.toNumber()))
  await api.query.system.events((records) =>
    records.forEach(({ event }) => note(seen.events, `${event.section}.${event.method}`))
  )
  await callOf(api, remark('0x01')).signAndSend(keyOf('//Charlie'), { nonce: -1 }, ({ status }) =>
    note(seen.statuses, [status.type, status.isReady ? null : status.value.toHex()])
  )
  const has = (type, count = 1) => () => seen.statuses.filter(([name]) => name === type).length >= count
  await until(has('Ready'))
  await admin('seal', 1)
  await until(has('InBlock'))
  const old = seen.statuses.find(([name]) => name === 'InBlock')[1]
  await admin('fork', 1)
  await until(has('InBlock', 2))
  await admin('seal', 2)
  await until(has('Finalized'))
  const oldEvents = await (await api.at(old)).query.system.events()
  report({
    ...seen,
    oldBlock: (await api.rpc.chain.getBlock(old)).block.extrinsics.length,
    oldEvents: oldEvents.map(({ event }) => `${event.section}.${event.method}`),
  })
})
