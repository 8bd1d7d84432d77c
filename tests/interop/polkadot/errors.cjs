// Names each module error that the metadata has, by pallet index and error index.
const { report, scenario } = require('./session.cjs')

scenario(async (api) => {
  const found = {}
  for (const pallet of api.runtimeMetadata.asLatest.pallets) {
    if (pallet.errors.isNone) continue
    const variants = api.registry.lookup.getSiType(pallet.errors.unwrap().type).def.asVariant.variants
    found[pallet.name.toString()] = variants.map(({ index }) => {
      const error = new Uint8Array([index.toNumber(), 0, 0, 0])
      return api.registry.findMetaError({ index: pallet.index, error }).name
    })
  }
  report(found)
})
