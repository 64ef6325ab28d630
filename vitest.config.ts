import { defineConfig } from 'vitest/config';

const conditions = ['@sluice/source'];

/** `unit`: pure rooms, one shared process. `system`: real processes, files, databases; each file isolated. `attack`: what a stranger would try. */
export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          isolate: false,
          include: ['packages/sluice/src/{kernel,define,plan,run,report,gate,pipeline,rollout,release,access,ledger}/**/*.test.ts'],
          typecheck: { enabled: false },
        },
      },
      {
        extends: true,
        // One file for each kind of attack, named and described as `<number> · <kind>`.
        test: { name: 'attack', include: ['packages/sluice/attack/**/*.test.ts'], testTimeout: 120_000, hookTimeout: 120_000 },
      },
      {
        extends: true,
        test: {
          name: 'system',
          include: [
            'packages/sluice/src/{adapters,workflow,server,cli}/**/*.test.ts',
            'packages/sluice/src/*.test.ts',
            'packages/sluice/e2e/**/*.test.ts',
          ],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
