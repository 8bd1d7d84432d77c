// Sends the transactions that come as a JSON list on standard input, one after another; one line of outcome for each.
const { input, report, scenario, send } = require('./session.cjs')

scenario(async (api) => {
  for (const step of await input()) report(await send(api, step).catch((error) => ({ failed: String(error) })))
})
