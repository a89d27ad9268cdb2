import { closeSync, openSync, readSync } from "node:fs";
import { StringDecoder } from "node:string_decoder";

/** One line of a service's own access log: what arrived, and what the service made of it. */
export interface LogEntry {
  readonly service: string;
  readonly id: string;
  readonly method: string;
  readonly url: string;
  readonly served: string;
  readonly user: string;
  readonly status: number;
}

/** What the application itself says it was asked. */
export interface ApplicationLog {
  /** Reads what the services have written since the last time. */
  refresh(): void;
  entriesOf(id: string): readonly LogEntry[];
  /** Requests that carry no id of ours: nobody should have sent them. */
  readonly unexplained: readonly LogEntry[];
  close(): void;
}

/** Lines without an id that are kept to be shown; more are as bad as these. */
const unexplainedMax = 100;

export function openApplicationLog(files: readonly string[]): ApplicationLog {
  const tails = files.map((file) => ({
    descriptor: openSync(file, "a+"),
    offset: 0,
    rest: "",
    decoder: new StringDecoder(),
  }));
  const byId = new Map<string, LogEntry[]>();
  const unexplained: LogEntry[] = [];
  const buffer = Buffer.alloc(65_536);
  return {
    unexplained,
    entriesOf: (id) => byId.get(id) ?? [],
    refresh() {
      for (const tail of tails) {
        for (;;) {
          const size = readSync(tail.descriptor, buffer, 0, buffer.length, tail.offset);
          if (size === 0) break;
          tail.offset += size;
          const lines = (tail.rest + tail.decoder.write(buffer.subarray(0, size))).split("\n");
          tail.rest = lines.pop() ?? "";
          for (const line of lines) keep(JSON.parse(line) as LogEntry);
        }
      }
    },
    close() {
      for (const tail of tails) closeSync(tail.descriptor);
    },
  };

  function keep(entry: LogEntry): void {
    if (entry.id === "") {
      if (unexplained.length < unexplainedMax) unexplained.push(entry);
      return;
    }
    const entries = byId.get(entry.id);
    if (entries === undefined) byId.set(entry.id, [entry]);
    else entries.push(entry);
  }
}
