import { fileURLToPath } from "node:url";
import { startChild, type Child } from "./child.ts";
import { serviceNames, type ServiceName, type Target } from "./exchange.ts";
import { bankFolder, type Stage } from "./stage.ts";

/** The four services, each a process of its own with its own log. */
export interface Bank {
  readonly ports: Target;
  readonly children: readonly Child[];
}

/** Starts one service after the other; `keep` gets each child at once, so that it is ended whatever happens next. */
export async function startBank(stage: Stage, keep: (child: Child) => void): Promise<Bank> {
  const main = fileURLToPath(new URL("services/main.ts", bankFolder));
  const started = serviceNames.map((service) => {
    const key = service === "login" ? ["--key", stage.keyFile] : [];
    const args = ["--disable-warning=ExperimentalWarning", main, service, "--log", stage.logOf(service), ...key];
    const child = startChild(`the ${service} service`, process.execPath, args);
    keep(child);
    return { service, child, port: child.firstLine(readPort) };
  });
  const ports = await Promise.all(started.map(async ({ service, port }) => [service, await port] as const));
  return {
    ports: Object.fromEntries(ports) as Record<ServiceName, number>,
    children: started.map(({ child }) => child),
  };
}

function readPort(line: string): number | undefined {
  try {
    const { port } = JSON.parse(line) as { readonly port?: unknown };
    return typeof port === "number" ? port : undefined;
  } catch {
    return undefined;
  }
}
