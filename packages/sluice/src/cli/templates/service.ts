/** The files of a sample service: a plain HTTP program of about 30 lines, its test, and its definition. */
export const serviceFiles = (name: string): Readonly<Record<string, string>> => ({
  'service.mjs': `// A service that Sluice can deliver: it listens where it is told, says when it is ready, and leaves when asked.
import { createServer } from 'node:http';

const { PORT = '8080', HOST = '127.0.0.1', SLUICE_SERVICE = '${name}', SLUICE_VERSION = 'development', SLUICE_DIGEST = '' } = process.env;
let draining = false;

export const greeting = (name) => \`hello, \${name}\`;

const server = createServer((request, response) => {
  const send = (status, body) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(\`\${JSON.stringify(body)}\\n\`);
  };
  const url = new URL(request.url, 'http://service');
  if (url.pathname === '/health') send(draining ? 503 : 200, { draining });
  else if (url.pathname === '/version') send(200, { service: SLUICE_SERVICE, version: SLUICE_VERSION, digest: SLUICE_DIGEST });
  else if (url.pathname === '/') send(200, { message: greeting(url.searchParams.get('name') ?? 'world'), version: SLUICE_VERSION });
  else send(404, { error: 'no such page' });
});
server.keepAliveTimeout = 75_000;

if (import.meta.main) {
  server.listen(Number(PORT), HOST);
  process.on('SIGTERM', () => {
    draining = true;
    server.close();
    server.closeIdleConnections();
  });
}
`,
  'service.test.mjs': `import assert from 'node:assert/strict';
import { test } from 'node:test';
import { greeting } from './service.mjs';

test('greets by name', () => {
  assert.equal(greeting('desk'), 'hello, desk');
});
`,
  'sluice.config.ts': `import { blueGreen, defineDelivery, environment, errorRate, get, http, job, junit, percent, seconds, service, step, steps, tests } from 'sluice';

export default defineDelivery({
  name: '${name}',
  jobs: {
    test: job({
      run: steps('mkdir -p reports', ['node', '--test', '--test-reporter=junit', '--test-reporter-destination=reports/tests.xml']),
      inputs: ['*.mjs'],
      reports: [junit('reports/tests.xml')],
    }),
  },
  gates: { tests: tests({ from: ['test'], minimum: 1 }) },
  services: {
    ${/^[a-z]\w*$/i.test(name) ? name : `'${name}'`}: service({
      files: ['service.mjs'],
      start: ['node', 'service.mjs'],
      health: http('/health'),
      smoke: [get('/', { contains: 'hello' })],
    }),
  },
  environments: {
    local: environment({
      services: {
        ${/^[a-z]\w*$/i.test(name) ? name : `'${name}'`}: {
          strategy: blueGreen({
            steps: [step(percent(50), seconds(3)), step(percent(100), seconds(3))],
            triggers: [errorRate({ above: percent(5), for: seconds(2) })],
            minimumSample: 0,
            keepWarm: seconds(600),
          }),
        },
      },
    }),
  },
});
`,
});
