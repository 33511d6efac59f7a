// Reads a file away from the page, in the parts that it needs (openFile.ts).

import type { Question, Questions } from "./fileQuestions";
import { FileProblem, type FileSource } from "./fileSource";

export type ToWorker =
  | { question: Question; wanted: Questions[Question][0]; name: string; size: number }
  | { bytes: number; found: ArrayBuffer };
export type FromWorker =
  | { answer: unknown }
  | { problem: string }
  | { read: number; start: number; end: number }
  | { step: true };

const waiting = new Map<number, (found: ArrayBuffer) => void>();
let reads = 0;

const tell = (message: FromWorker) => postMessage(message);

function sourceOf(name: string, size: number): FileSource {
  return {
    name,
    size,
    step: () => tell({ step: true }),
    read: (start, end) =>
      new Promise((resolve) => {
        const last = Math.min(end, size);
        // A damaged file may say that a part of it is behind its end.
        if (start >= last) return resolve(new Uint8Array(0));
        reads += 1;
        waiting.set(reads, (found) => resolve(new Uint8Array(found)));
        tell({ read: reads, start, end: last });
      }),
  };
}

addEventListener("message", async ({ data }: MessageEvent<ToWorker>) => {
  if ("bytes" in data) {
    waiting.get(data.bytes)?.(data.found);
    waiting.delete(data.bytes);
    return;
  }
  try {
    tell({ answer: await answer(data.question, data.wanted, sourceOf(data.name, data.size)) });
  } catch (error) {
    const problem = error instanceof FileProblem ? error.message : "This file cannot be read.";
    tell({ problem });
  }
});

async function answer(
  question: Question,
  wanted: Questions[Question][0],
  file: FileSource,
): Promise<unknown> {
  switch (question) {
    case "table":
      return (await import("./tables/table")).openTable(
        file,
        (wanted as Questions["table"][0]).format,
      );
    case "rows":
      return (await import("./tables/table")).rowsOf(file, wanted as Questions["rows"][0]);
    case "array": {
      const { member } = wanted as Questions["array"][0];
      return member === undefined
        ? (await import("./npy")).arrayFacts(file)
        : (await import("./npz")).memberFacts(file, member);
    }
    case "arrays":
      return (await import("./npz")).arrayMembers(file);
    case "tensors":
      return (await import("./safetensors")).tensors(file);
    case "onnx":
      return (await import("./onnx")).onnx(file);
    case "notebook":
      return (await import("./notebook")).notebook(file);
    case "model":
      return (await import("./mlmodel")).modelCard(file);
  }
}
