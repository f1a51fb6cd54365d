// A charge point that takes nothing which the schemas of the standard do not allow: ocpp-rpc in its strict mode.
//
// It reads its orders, one JSON document, from the first line of its standard input: makes the calls, says READY, and then answers what
// it is told until its input ends. On its way out it prints every fault it found and leaves with 1 when there was one.
const readline = require('readline');
const {RPCClient} = require('ocpp-rpc');

const faults = [];
const lines = readline.createInterface({input: process.stdin});
let client;

lines.once('line', async (line) => {
  const orders = JSON.parse(line);
  client = new RPCClient({
    endpoint: orders.endpoint, identity: orders.identity, password: orders.password, protocols: [orders.protocol],
    strictMode: true, reconnect: false, callTimeoutMs: 10000,
  });
  client.on('strictValidationFailure', (e) => faults.push(`${e.messageType} ${e.method}: ${e.error.message} ${JSON.stringify(e.error.details)}`));
  client.handle(({method}) => {
    if (!(method in orders.answers)) throw new Error(`no answer to ${method}`);
    return orders.answers[method];
  });
  await client.connect();
  for (const [method, params] of orders.calls) {
    try {
      await client.call(method, params);
    } catch (e) {
      faults.push(`${method}: ${e.message} ${JSON.stringify(e.details)}`);
    }
  }
  console.log('READY');
});

lines.once('close', async () => {
  if (client) await client.close({force: true});
  for (const fault of faults) console.log(fault);
  process.exit(faults.length ? 1 : 0);
});
