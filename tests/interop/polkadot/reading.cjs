// Reads constants, storage maps and the chain's description; needs channel 1 with two objects.
const { report, scenario } = require('./session.cjs')

scenario(async (api) => {
  const human = (value) => value.toJSON()
  const bag = api.createType('PalletStorageBagIdType', { Dynamic: { Channel: 1 } })
  const entries = async (query, ...keys) =>
    (await query.entries(...keys)).map(([key, value]) => [key.args.map(human), human(value.unwrapOr?.(null) ?? value)])
  const [chain, name, health, properties] = await Promise.all([
    api.rpc.system.chain(),
    api.rpc.system.name(),
    api.rpc.system.health(),
    api.rpc.system.properties(),
  ])
  const constants = Object.fromEntries(Object.entries(api.consts.storage).map(([key, value]) => [key, human(value)]))
  const storage = {}
  for (const [item, query] of Object.entries(api.query.storage)) {
    if (item !== 'palletVersion') storage[item] = query.creator.meta.type.isPlain ? human(await query()) : null
  }
  report({
    chain: chain.toString(),
    name: name.toString(),
    syncing: health.isSyncing.isTrue,
    prefix: properties.ss58Format.unwrap().toNumber(),
    genesis: api.genesisHash.toHex(),
    specVersion: api.runtimeVersion.specVersion.toNumber(),
    constants,
    storage,
    bag: human(await api.query.storage.bags(bag)),
    emptyBag: human(await api.query.storage.bags({ Static: 'Council' })),
    noBucket: (await api.query.storage.storageBucketById(99)).isNone,
    buckets: await entries(api.query.storage.storageBucketById),
    families: await entries(api.query.storage.distributionBucketFamilyById),
    distributionBuckets: await entries(api.query.storage.distributionBucketByFamilyIdById, 0),
    objects: await entries(api.query.storage.dataObjectsById, bag),
    objectCount: (await api.query.storage.dataObjectsById.keysPaged({ args: [bag], pageSize: 1 })).length,
    lead: human(await api.query.storageWorkingGroup.currentLead()),
    workers: (await api.query.storageWorkingGroup.workerById.keys()).length,
    several: (await api.queryMulti([api.query.storage.nextStorageBucketId, api.query.storage.nextDataObjectId])).map(human),
    fee: (await api.tx.system.remark('0x00').paymentInfo('j4UYhDYJ4pz2ihhDDzu69v2JTVeGaGmTebmBdWaX2ANVinXyE')).partialFee.toJSON(),
  })
})
