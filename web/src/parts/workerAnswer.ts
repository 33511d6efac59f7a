// What a worker answers, which may be asked what takes for ever.

/** Asks a worker, and ends it; returns undefined if it fails, or takes longer than `limit` milliseconds. */
export async function workerAnswer<Answer>(
  worker: Worker,
  question: unknown,
  limit: number,
): Promise<Answer | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    return await new Promise<Answer | undefined>((resolve) => {
      worker.onmessage = ({ data }: MessageEvent<Answer | undefined>) => resolve(data);
      worker.onerror = () => resolve(undefined);
      timer = setTimeout(() => resolve(undefined), limit);
      worker.postMessage(question);
    });
  } finally {
    clearTimeout(timer);
    worker.terminate();
  }
}
