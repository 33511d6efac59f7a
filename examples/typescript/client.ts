// Logs a run over a stream, and reads it back.
//
//   npx buf generate ../../proto && node client.ts http://127.0.0.1:50051

import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { LoggingService } from "./gen/runstream/v1/logging_service_pb.js";
import { RunStatus } from "./gen/runstream/v1/run_pb.js";
import { RunService } from "./gen/runstream/v1/run_service_pb.js";

const transport = createGrpcTransport({ baseUrl: process.argv[2] ?? "" });
const runs = createClient(RunService, transport);
const logs = createClient(LoggingService, transport);

const created = await runs.createRun({ runName: "from TypeScript" });
const runId = created.run?.info?.runId ?? "";

async function* batches() {
  for (let first = 0; first < 300; first += 100) {
    const steps = Array.from({ length: 100 }, (_, i) => first + i);
    yield {
      runId,
      metrics: {
        keys: ["loss"],
        counts: [steps.length],
        step: steps.map(BigInt),
        timestamp: steps.map(() => BigInt(Date.now())),
        value: steps.map((step) => 1 / (step + 1)),
      },
    };
  }
}

// An answer means that its batches are on disk. If the stream breaks, those without an answer are to be
// sent again, which stores nothing twice.
for await (const { answered, error } of logs.logBatch(batches())) {
  if (error) throw new Error(`batch ${answered} was refused: ${error.message}`);
}
await runs.updateRun({ runId, status: RunStatus.FINISHED, endTime: BigInt(Date.now()) });
const read = await runs.getRun({ runId });
for (const metric of read.run?.data?.metrics ?? []) {
  console.log(`${runId}: ${metric.key} ${metric.value} at ${metric.step}`);
}
