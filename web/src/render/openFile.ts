// A file that a worker reads in parts, for a page that shows what it is. The worker has the time of
// decision 0033, without that in which bytes are on their way; what it reads and how often is bounded.

import { type Artifact, readBytes } from "../api/artifacts";
import { ApiError, shown } from "../api/client";
import type { Question, Questions } from "./fileQuestions";
import type { FromWorker, ToWorker } from "./fileWorker";

const LIMIT_MS = 3_000;
// Each column of a table that is read, and each part of a text, has the time anew.
const MOST_STEPS = 1_000;
const LIMIT_ALL_MS = 30_000;
const MOST_READS = 2_000;
const MOST_BYTES = 256 * 1024 * 1024;

export interface OpenFile {
  /** Asks; raises ApiError if the file is not what it seems to be, or too much for a page. */
  ask<Kind extends Question>(kind: Kind, wanted: Questions[Kind][0]): Promise<Questions[Kind][1]>;
  close(): void;
}

export function openFile(runId: string, artifact: Artifact): OpenFile {
  let worker: Worker | undefined;
  let pending: Promise<unknown> = Promise.resolve();

  const close = () => {
    worker?.terminate();
    worker = undefined;
  };

  const askNow = <Kind extends Question>(kind: Kind, wanted: Questions[Kind][0]) =>
    new Promise<Questions[Kind][1]>((resolve, reject) => {
      if (!worker) {
        worker = new Worker(new URL("./fileWorker.ts", import.meta.url), { type: "module" });
      }
      const running = worker;
      const told = new Clock(() => fail("FILE_TAKES_LONG", "This file takes too long to be read."));
      let reads = 0;
      let bytes = 0;
      const fail = (code: string, message: string) => {
        told.stop();
        if (worker === running) close();
        reject(new ApiError(code, message));
      };
      const read = async (id: number, start: number, end: number) => {
        reads += 1;
        bytes += end - start;
        if (reads > MOST_READS || bytes > MOST_BYTES) {
          return fail("FILE_TOO_LARGE", "This file is too large to be shown.");
        }
        told.pause();
        try {
          const found = await readBytes(runId, artifact.path, start, end, artifact.sha256);
          running.postMessage({ bytes: id, found } satisfies ToWorker, [found]);
          told.resume();
        } catch (error) {
          const { code, message } = shown(error);
          fail(code, message);
        }
      };
      running.onmessage = ({ data }: MessageEvent<FromWorker>) => {
        if ("read" in data) return read(data.read, data.start, data.end);
        if ("step" in data) return told.step();
        told.stop();
        if ("problem" in data) reject(new ApiError("FILE_UNREADABLE", data.problem));
        else resolve(data.answer as Questions[Kind][1]);
      };
      running.onerror = () => fail("FILE_UNREADABLE", "This file cannot be shown.");
      running.postMessage({
        question: kind,
        wanted,
        name: artifact.name,
        size: artifact.size,
      } satisfies ToWorker);
    });

  return {
    close,
    // One after the other: a second may build on what the first has read.
    ask: (kind, wanted) => {
      const answer = pending.then(() => askNow(kind, wanted));
      pending = answer.catch(() => undefined);
      return answer;
    },
  };
}

/** How long a worker computes: the time of a read is not counted. */
class Clock {
  private readonly begun = performance.now();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private reading = 0;
  private readingSince = 0;
  private readFor = 0;
  private steps = 0;

  constructor(private readonly late: () => void) {
    this.start();
  }

  private start(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(this.late, LIMIT_MS);
  }

  /** Begins the time anew, because a part is done. */
  step(): void {
    this.steps += 1;
    const computed = performance.now() - this.begun - this.readFor;
    if (this.steps > MOST_STEPS || computed > LIMIT_ALL_MS) this.late();
    else if (!this.reading) this.start();
  }

  pause(): void {
    if (!this.reading) this.readingSince = performance.now();
    this.reading += 1;
    clearTimeout(this.timer);
  }

  resume(): void {
    this.reading -= 1;
    if (this.reading) return;
    this.readFor += performance.now() - this.readingSince;
    this.start();
  }

  stop(): void {
    clearTimeout(this.timer);
  }
}
