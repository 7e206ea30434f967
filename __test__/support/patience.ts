/** How long a test waits for what must come. No condition takes a minute on any machine but an emulated one. */
export const PATIENCE_MS: number = 60_000 * Number(process.env['WASIEXEC_TEST_PATIENCE'] ?? 1)
