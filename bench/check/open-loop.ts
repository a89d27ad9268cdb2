import { connect, type Socket } from "node:net";

/** Connections of one generator; enough that none waits for another at the rates measured here. */
const connections = 32;

/** Largest answer head and body that is taken for one answer. */
const answerMax = 65_536;

/**
 * Sends requests at exponential intervals, looked at once a millisecond, and counts latency from when a request was
 * found due, not from when it was sent: waiting in line is part of it (no coordinated omission). Sleeps between looks
 * and speaks only what it needs of HTTP/1.1, so that the machine's two cores are left to what is measured.
 */
export class OpenLoop {
  readonly #port: number;
  readonly #free: Line[] = [];
  readonly #lines: Line[] = [];

  constructor(port: number) {
    this.#port = port;
  }

  async connect(): Promise<void> {
    for (let i = 0; i < connections; i++) {
      const socket = connect(this.#port, "127.0.0.1");
      socket.setNoDelay(true);
      await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
      const line = new Line(socket);
      this.#lines.push(line);
      this.#free.push(line);
    }
  }

  /** Latencies in milliseconds of the requests that were due in this time. */
  async run(request: Buffer, rate: number, durationMs: number, random: () => number): Promise<number[]> {
    const latencies: number[] = [];
    const waiting: Promise<void>[] = [];
    const start = performance.now();
    let due = start;
    const queue: number[] = [];
    const dispatch = (): void => {
      while (queue.length > 0 && this.#free.length > 0) {
        const dueAt = queue.shift()!;
        const line = this.#free.pop()!;
        waiting.push(
          (async () => {
            const status = await line.ask(request);
            if (status !== 200) throw new Error(`the bench must measure allows, not ${status}`);
            latencies.push(performance.now() - dueAt);
            this.#free.push(line);
            dispatch();
          })(),
        );
      }
    };
    while (due < start + durationMs) {
      const now = performance.now();
      for (; due <= now && due < start + durationMs; due += (-Math.log(1 - random()) / rate) * 1000) queue.push(now);
      dispatch();
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    while (queue.length > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    await Promise.all(waiting);
    return latencies;
  }

  close(): void {
    for (const line of this.#lines) line.close();
  }
}

/** One connection with one request on it at a time. */
class Line {
  readonly #socket: Socket;
  #data = "";
  #resolve: ((status: number) => void) | undefined;
  #reject: ((error: Error) => void) | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (bytes: Buffer) => {
      this.#data += bytes.toString("latin1");
      const head = this.#data.indexOf("\r\n\r\n");
      if (head < 0) return;
      const length = Number(/content-length: (\d+)/i.exec(this.#data.slice(0, head))?.[1] ?? Number.NaN);
      if (Number.isNaN(length) || this.#data.length > answerMax)
        return this.#reject?.(new Error("an answer without length"));
      if (this.#data.length < head + 4 + length) return;
      const status = Number(this.#data.slice(9, 12));
      this.#data = "";
      this.#resolve?.(status);
    });
    socket.on("error", (error) => this.#reject?.(error));
  }

  ask(request: Buffer): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}
