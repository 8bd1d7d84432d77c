// A connection to the devnet as Joystream's own programs make it, and what they do with it.
require('@joystream/types')
const { ApiPromise, WsProvider } = require('@polkadot/api')
const { Keyring } = require('@polkadot/keyring')

const keyring = new Keyring({ type: 'sr25519', ss58Format: 126 })
const keys = new Map()

const connect = (url) => ApiPromise.create({ provider: new WsProvider(url), throwOnConnect: true })

const keyOf = (uri) => {
  if (!keys.has(uri)) keys.set(uri, keyring.addFromUri(uri))
  return keys.get(uri)
}

// The call of that pallet and name, as the metadata spells them.
const callOf = (api, step) => {
  const pallet = step.pallet[0].toLowerCase() + step.pallet.slice(1)
  const create = Object.values(api.tx[pallet]).find((call) => call.meta.name.toString() === step.call)
  if (create === undefined) throw new Error(`no call ${step.pallet}.${step.call}`)
  if (step.items.length) return create(step.items.map((item) => callOf(api, item)))
  return create(...create.meta.fields.map(({ name }) => step.arguments[name.unwrap().toString()]))
}

const errorName = (api, error) => {
  if (!error.isModule) return error.type
  const { section, name } = api.registry.findMetaError(error.asModule)
  return `${section}.${name}`
}

// Signs, sends and waits until it is final: {events: [{name, data}], error, statuses}.
const send = (api, step) =>
  new Promise((resolve, reject) => {
    const statuses = []
    callOf(api, step)
      .signAndSend(keyOf(step.signer), { nonce: -1 }, ({ status, events, dispatchError }) => {
        statuses.push(status.type)
        if (status.isInvalid || status.isDropped || status.isUsurped) reject(new Error(status.type))
        if (!status.isFinalized) return
        resolve({
          statuses,
          error: dispatchError ? errorName(api, dispatchError) : null,
          events: events.map(({ event }) => ({
            name: `${event.section}.${event.method}`,
            data: event.data.toJSON(),
          })),
        })
      })
      .catch(reject)
  })

const input = async () => {
  let text = ''
  for await (const part of process.stdin) text += part
  return text ? JSON.parse(text) : null
}

const report = (value) => process.stdout.write(JSON.stringify(value) + '\n')

// Runs a scenario with a connection: node SCENARIO URL; whatever it throws is the process's failure.
const scenario = (run) => {
  ;(async () => {
    const api = await connect(process.argv[2])
    await run(api)
    await api.disconnect()
    process.exit(0)
  })().catch((error) => {
    console.error(error)
    process.exit(1)
  })
}

module.exports = { callOf, errorName, input, keyOf, report, scenario, send }
