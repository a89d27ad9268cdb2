import { run } from "../../cli/run.ts";

const [folder = "", statusAddress, stateDir] = process.argv.slice(2);
process.exitCode = await run({ folder, statusAddress, stateDir, output: "json" });
