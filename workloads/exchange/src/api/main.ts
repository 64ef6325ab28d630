/** The api: `PORT=8080 ENGINE_ADDRESS=127.0.0.1:9001 node src/api/main.ts`. */
import { BadSettings } from '../wire/index.ts';
import { serveControl } from './control-server.ts';
import { EngineLink } from './engine-link.ts';
import { ApiInstance } from './instance.ts';
import { readApiSettings } from './settings.ts';

async function main(): Promise<void> {
  const settings = readApiSettings(process.env);
  const { control: address, controlToken } = settings;
  const engine = new EngineLink(settings.engine, settings.engineDeadlineMs);
  const instance = new ApiInstance(settings, engine);
  const control = address && controlToken !== undefined ? await serveControl(address, controlToken, instance) : undefined;
  const port = await instance.listen(settings.port, settings.host);
  console.log(JSON.stringify({ service: settings.service, version: settings.version, listening: `${settings.host}:${port}` }));

  const stop = async (): Promise<void> => {
    await instance.close();
    control?.close();
    control?.closeAllConnections();
    engine.close();
    console.log(JSON.stringify({ service: settings.service, version: settings.version, stopped: true }));
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop());
}

try {
  await main();
} catch (error) {
  console.error(
    `api: ${error instanceof BadSettings ? error.message : `cannot start: ${error instanceof Error ? error.message : String(error)}; see HOST, PORT and SLUICE_CONTROL`}`,
  );
  process.exit(error instanceof BadSettings ? 2 : 1); // the link to the engine would keep the process alive
}
