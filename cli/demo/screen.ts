/** What the demo writes to: a terminal, a file or a pipe. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** How text may look on one output. */
export interface Style {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly okMark: string;
  readonly failMark: string;
  readonly bar: (share: number, width: number) => string;
}

/** Colour on a terminal only and never against NO_COLOR; signs beyond ASCII where the locale has them. */
export function createStyle(output: Output, environment: Environment): Style {
  const colour = output.isTTY === true && (environment["NO_COLOR"] ?? "") === "" && environment["TERM"] !== "dumb";
  const wide = /utf-?8/i.test(environment["LC_ALL"] || environment["LC_CTYPE"] || environment["LANG"] || "");
  const paint = (code: number) => (text: string) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
  return {
    bold: paint(1),
    dim: paint(2),
    good: paint(32),
    bad: paint(31),
    okMark: wide ? "✔" : "ok",
    failMark: wide ? "✖" : "fail",
    bar(share, width) {
      const full = Math.round(Math.min(1, Math.max(0, share)) * width);
      return wide ? "█".repeat(full) + "░".repeat(width - full) : `${"#".repeat(full)}${".".repeat(width - full)}`;
    },
  };
}

/** Shows what goes on, on standard error. */
export interface Progress {
  /** A line that stays. */
  say(text: string): void;
  /** Begins something whose size is known. */
  begin(label: string, total: number): Task;
}

export interface Task {
  step(detail?: string): void;
  end(result: string, good?: boolean): void;
}

const labelWidth = 28;
const barWidth = 16;
const redrawMs = 100;
/** Where nothing can be redrawn, a line this often says that it goes on. */
const plainLineMs = 10_000;

export function createProgress(output: Output, environment: Environment, live: boolean, clock: () => number): Progress {
  const style = createStyle(output, environment);
  const clear = "\r\u001b[2K";
  return {
    say: (text) => void output.write(`${text}\n`),
    begin(label, total) {
      const start = clock();
      const head = `  ${label.padEnd(labelWidth)}`;
      let done = 0;
      let lastDrawn = start;
      if (live) output.write(`${head}${style.bar(0, barWidth)}`);
      return {
        step(detail = "") {
          done++;
          const now = clock();
          if (now - lastDrawn < (live ? redrawMs : plainLineMs)) return;
          lastDrawn = now;
          const elapsed = (now - start) / 1_000;
          const left = Math.ceil((elapsed / done) * (total - done));
          const counts = `${group(done)}/${group(total)} ${group(Math.round(done / elapsed))}/s ${left} s left`;
          const line = live
            ? `${head}${style.bar(done / total, barWidth)} ${`${detail} ${counts}`.trim()}`
            : `${head}${`${detail} ${counts}`.trim()}`;
          output.write(live ? `${clear}${line}` : `${line}\n`);
        },
        end(result, good = true) {
          const mark = good ? style.good(style.okMark) : style.bad(style.failMark);
          const seconds = style.dim(`${((clock() - start) / 1_000).toFixed(1)} s`);
          output.write(`${live ? clear : ""}${head}${mark} ${result}  ${seconds}\n`);
        },
      };
    },
  };
}

/** `1234567` as `1,234,567`. */
export function group(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ",");
}
