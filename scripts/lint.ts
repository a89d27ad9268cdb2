/** Style, dead code and the folder rule. Prints one line per check; exit code 1 when one fails. */
import { lintChecks, runCheck } from "./checks.ts";

let failed = 0;
for (const check of lintChecks) {
  const result = runCheck(check);
  if (!result.ok) failed++;
  process.stdout.write(`${result.ok ? "ok  " : "FAIL"} ${check.name}\n${result.ok ? "" : `${result.output}\n`}`);
}
process.exitCode = failed === 0 ? 0 : 1;
