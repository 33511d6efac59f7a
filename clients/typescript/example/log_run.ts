// Logs a run over a stream, and reads it back.
//
//   node example/log_run.ts grpc://127.0.0.1:50051 [EXPERIMENT_ID]
//
// With grpcs:// over TLS; the environment variable RUNSTREAM_CA names the file of the authority to
// trust, if it is no public one, and RUNSTREAM_TOKEN is the token, if the server asks for one.

import { readFileSync } from "node:fs";
import { argv, env, exit } from "node:process";
import { type Client, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { ErrorInfoSchema } from "@runstream/stubs/google/rpc/error_details";
import { LoggingService } from "@runstream/stubs/logging_service";
import { RunStatus } from "@runstream/stubs/run";
import { RunService } from "@runstream/stubs/run_service";

const withToken: Interceptor = (next) => (request) => {
  if (env.RUNSTREAM_TOKEN) request.header.set("authorization", `Bearer ${env.RUNSTREAM_TOKEN}`);
  return next(request);
};

function connect(uri: string) {
  return createGrpcTransport({
    baseUrl: uri.replace(/^grpc/, "http"),
    nodeOptions: env.RUNSTREAM_CA ? { ca: readFileSync(env.RUNSTREAM_CA) } : {},
    interceptors: [withToken],
    defaultTimeoutMs: 60_000,
  });
}

/** Send three batches of 100 points. */
async function logPoints(logs: Client<typeof LoggingService>, runId: string) {
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
  // An answer means that its batches are on disk. If the stream breaks, those without an answer are
  // to be sent again, which stores nothing twice.
  for await (const { answered, error } of logs.logBatch(batches())) {
    if (error) throw new Error(`batch ${answered} was refused: ${error.message}`);
  }
}

/** Say what an error of the server is about: its reason, and its field, value and limit. */
function explain(error: ConnectError): string {
  const [info] = error.findDetails(ErrorInfoSchema);
  return info ? `${info.reason} ${JSON.stringify(info.metadata)}` : error.message;
}

const transport = connect(argv[2] ?? "grpc://127.0.0.1:50051");
const runs = createClient(RunService, transport);
try {
  const created = await runs.createRun({ runName: "from TypeScript", experimentId: argv[3] ?? "" });
  const runId = created.run?.info?.runId ?? "";
  await logPoints(createClient(LoggingService, transport), runId);
  await runs.updateRun({ runId, status: RunStatus.FINISHED, endTime: BigInt(Date.now()) });
  const read = await runs.getRun({ runId });
  for (const metric of read.run?.data?.metrics ?? []) {
    console.log(`${runId}: ${metric.key} ${metric.value} at ${metric.step}`);
  }
} catch (error) {
  if (!(error instanceof ConnectError)) throw error;
  console.error(`refused: ${explain(error)}`);
  exit(1);
}
