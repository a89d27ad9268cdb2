/** What people and programs are told while Picket runs. */
export type RunEvent =
  | { readonly event: "started"; readonly folder: string; readonly status: string; readonly state: string }
  | { readonly event: "child-started"; readonly child: string; readonly pid: number }
  | { readonly event: "child-died"; readonly child: string; readonly how: string; readonly restartMs: number }
  | { readonly event: "child-restarted"; readonly child: string; readonly pid: number; readonly restarts: number }
  | {
      readonly event: "problem";
      readonly file: string;
      readonly line: number;
      readonly field: string;
      readonly message: string;
      readonly fix: string;
      readonly code: string;
    }
  | { readonly event: "problems-solved" }
  | { readonly event: "source-unreadable"; readonly message: string }
  | { readonly event: "applied"; readonly workload: string; readonly revision: string; readonly mode: string }
  | { readonly event: "loosened"; readonly workload: string; readonly mode: string; readonly message: string }
  | { readonly event: "unprotected"; readonly workload: string; readonly message: string }
  | { readonly event: "closed"; readonly workload: string; readonly reason: string; readonly message: string }
  | { readonly event: "removed"; readonly workload: string }
  | { readonly event: "ready"; readonly isEmpty: boolean }
  | { readonly event: "not-ready"; readonly reason: string }
  | { readonly event: "stopped" };

/** Reads a line of the operator. Its words are ours, except that a problem is one object less deep here. */
export function readOperatorEvent(line: string): RunEvent | { readonly event: "operator-started" } | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!isRecord(value)) return undefined;
  if (value.event === "started") return { event: "operator-started" };
  const flat = isRecord(value.problem) ? { event: value.event, ...value.problem } : value;
  return flat as RunEvent;
}

/** One line of JSON with the time. */
export function printJson(event: RunEvent, time: Date): string {
  return `${JSON.stringify({ time: time.toISOString(), ...event })}\n`;
}

/** For people. Events that only matter to programs give nothing. */
export function printText(event: RunEvent): string {
  switch (event.event) {
    case "started":
      return `picket is starting: policies ${event.folder}, status http://${event.status}, state ${event.state}\n`;
    case "child-started":
      return "";
    case "child-died":
      return `${event.child} ended (${event.how}), starts again in ${event.restartMs} ms\n`;
    case "child-restarted":
      return `${event.child} runs again (process ${event.pid}, restart ${event.restarts})\n`;
    case "problem": {
      const field = event.field === "" ? "" : ` ${event.field}:`;
      return `problem: ${event.file}:${event.line}:${field} ${event.message} [${event.code}]\n  try: ${event.fix}\n`;
    }
    case "problems-solved":
      return "all problems are solved\n";
    case "source-unreadable":
      return `problem: ${event.message}\n`;
    case "applied":
      return `${event.workload}: revision ${event.revision} is in force (${event.mode})\n`;
    case "loosened":
    case "unprotected":
      return `WARNING: ${event.message}\n`;
    case "closed":
      return `${event.workload}: CLOSED, answers 503 to everything: ${event.message}\n`;
    case "removed":
      return `${event.workload}: removed\n`;
    case "ready":
      return event.isEmpty
        ? "ready, but the folder holds no policy and no workload: nothing is protected\n"
        : "ready: every policy is programmed and proven\n";
    case "not-ready":
      return `not ready: ${event.reason}\n`;
    case "stopped":
      return "stopped\n";
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
