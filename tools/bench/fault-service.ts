/** A tiny version of a service: answers 200 until its parent says `bad`, then 500, until `good`. Tells its port. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const body = JSON.stringify({ orderId: 'o-000001', status: 'accepted', price: 100_25, quantity: 10 });
let status = 200;
process.on('message', (word) => (status = word === 'bad' ? 500 : 200));
process.on('disconnect', () => process.exit(0));
const server = createServer((_, res) => {
  res.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  res.end(body);
});
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
