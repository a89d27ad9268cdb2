import Mocha, { type MochaOptions, type Runner } from "mocha";

/**
 * Reporter for tests that take long: the JSON report that the runner counts, and a line per test as it ends, on
 * standard error.
 */
export default class Progress extends Mocha.reporters.JSON {
  constructor(runner: Runner, options: MochaOptions) {
    super(runner, options);
    const say = (mark: string, title: string, tookMs?: number): void => {
      const took = tookMs === undefined ? "" : ` ${(tookMs / 1_000).toFixed(1)} s`;
      process.stderr.write(`  ${mark} ${title}${took}\n`);
    };
    runner.on("pass", (test) => say("✔", test.fullTitle(), test.duration));
    runner.on("fail", (test, error: unknown) => say("✘", `${test.fullTitle()}: ${String(error)}`));
  }
}
