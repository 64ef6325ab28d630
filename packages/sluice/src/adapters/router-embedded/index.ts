export { embeddedRouter, routedServices } from './embedded-router.ts';
export { adoptRouter, startRouter } from './router-process.ts';
export type { RouterStart } from './router-process.ts';
