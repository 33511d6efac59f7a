// Alerts of runs and experiments, and how far their destinations have been told.

import { answered, api, type Schemas } from "./client";

export const LEVELS = ["INFO", "WARN", "ERROR"] as const;
/** How bad it is, from the least. */
export type Level = (typeof LEVELS)[number];

/** Something that happened, of which people are told. */
export interface Alert {
  id: string;
  experimentId: string;
  /** Empty if it is of the experiment. */
  runId: string;
  runName: string;
  title: string;
  text: string;
  level: Level;
  /** Milliseconds since the epoch. */
  at: number;
  /** The metric that it is about; empty if it is about none. */
  metric: string;
  step: number | undefined;
  value: number | undefined;
  /** Who raised it; empty if a rule did. */
  by: string;
  deliveries: Delivery[];
}

/** One destination that is told of an alert. */
export interface Delivery {
  to: string;
  state: "PENDING" | "DELIVERED" | "FAILED";
  attempts: number;
  /** When it is tried next while it is pending, else when it was tried last. */
  at: number;
  /** Why the last attempt failed; empty if it did not. */
  error: string;
}

/** Which alerts: of an experiment, of a run, or else of all that are seen. */
interface AlertQuery {
  experimentId?: string;
  runId?: string;
  /** Those of then or later, in milliseconds since the epoch. */
  since?: number;
  most: number;
  token?: string;
}

export interface AlertPage {
  alerts: Alert[];
  /** Asks for the page after this; empty at the end. */
  next: string;
}

const LEVEL = "ALERT_LEVEL_";
const STATE = "ALERT_DELIVERY_STATE_";

/** Returns a page of alerts, newest first. */
export async function listAlerts(query: AlertQuery, signal?: AbortSignal): Promise<AlertPage> {
  const { alerts = [], next_page_token: next = "" } = await answered(
    api.GET("/api/1.0/runstream/alerts", {
      params: {
        query: {
          ...(query.experimentId && { experiment_id: query.experimentId }),
          ...(query.runId && { run_id: query.runId }),
          ...(query.since && { since: query.since }),
          ...(query.token && { page_token: query.token }),
          max_results: query.most,
        },
      },
      ...(signal && { signal }),
    }),
  );
  return { alerts: alerts.map(alertOf), next };
}

export function levelOf(level: string | undefined): Level {
  const name = (level ?? "").replace(LEVEL, "");
  return LEVELS.find((known) => known === name) ?? "INFO";
}

/** Returns the name of a level in the contract. */
export function nameOfLevel(level: Level): NonNullable<Schemas["AlertLevel"]> {
  return `${LEVEL}${level}`;
}

function alertOf(message: Schemas["Alert"]): Alert {
  return {
    id: message.alert_id ?? "",
    experimentId: message.experiment_id ?? "",
    runId: message.run_id ?? "",
    runName: message.run_name ?? "",
    title: message.title ?? "",
    text: message.text ?? "",
    level: levelOf(message.level),
    at: Number(message.creation_time ?? 0),
    metric: message.metric_key ?? "",
    step: message.step === undefined ? undefined : Number(message.step),
    value: message.value === undefined ? undefined : Number(message.value),
    by: message.created_by ?? "",
    deliveries: (message.deliveries ?? []).map(deliveryOf),
  };
}

function deliveryOf(message: Schemas["AlertDelivery"]): Delivery {
  const state = (message.state ?? "").replace(STATE, "");
  return {
    to: message.destination ?? "",
    state: state === "DELIVERED" || state === "FAILED" ? state : "PENDING",
    attempts: Number(message.attempts ?? 0),
    at: Number(message.time ?? 0),
    error: message.error ?? "",
  };
}
