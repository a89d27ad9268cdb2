/** `kubectl picket`: kubectl runs what is called `kubectl-picket` on the path. */
import { runProcess } from "./process.ts";

await runProcess("kubectl picket");
