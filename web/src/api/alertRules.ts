// Rules of alerts: when somebody is told of the runs of an experiment, or of one run, and how.

import { type Level, levelOf, nameOfLevel } from "./alerts";
import { answered, api, type Schemas } from "./client";

/** When a rule tells. */
export type Condition =
  | { kind: "metric_above" | "metric_below"; metric: string; threshold: number }
  /** Of any metric, if it names none. */
  | { kind: "metric_nan"; metric: string }
  | { kind: "run_silent"; minutes: number }
  | { kind: "run_ended" | "run_failed" }
  | { kind: "alert_raised"; level: Level };

export interface AlertRule {
  id: string;
  experimentId: string;
  /** The only run that it judges; empty for all runs of the experiment. */
  runId: string;
  name: string;
  level: Level;
  enabled: boolean;
  webhooks: string[];
  emails: string[];
  createdBy: string;
  condition: Condition;
}

/** What a rule is made of. */
export interface RuleFields {
  name: string;
  level: Level;
  condition: Condition;
  webhooks: string[];
  emails: string[];
  /** The secret by which webhooks are signed; empty for the one that there is. */
  secret: string;
}

/** Returns the rules of an experiment, those of its runs included, by age. */
export async function listRules(experimentId: string): Promise<AlertRule[]> {
  const { rules = [] } = await answered(
    api.GET("/api/1.0/runstream/alert-rules", {
      params: { query: { experiment_id: experimentId } },
    }),
  );
  return rules.map(ruleOf);
}

/** Creates a rule for all runs of an experiment, or for one run. */
export async function createRule(
  of: { experimentId: string; runId: string },
  fields: RuleFields,
): Promise<void> {
  const { secret, ...others } = fields;
  await answered(
    api.POST("/api/1.0/runstream/alert-rules", {
      body: {
        ...(of.runId ? { run_id: of.runId } : { experiment_id: of.experimentId }),
        ...(secret && { webhook_secret: secret }),
        ...messageOf(others),
      },
    }),
  );
}

/** Changes a rule; its condition is sent only if it is another, since it then judges anew. */
export async function updateRule(rule: AlertRule, fields: RuleFields): Promise<void> {
  const { name, level, destinations, ...condition } = messageOf(fields);
  const isSame = JSON.stringify(messageOfCondition(rule.condition)) === JSON.stringify(condition);
  await patch(rule.id, {
    name,
    level,
    destinations,
    ...(fields.secret && { webhook_secret: fields.secret }),
    ...(isSame ? {} : condition),
  });
}

/** Switches a rule on or off. */
export async function enableRule(id: string, enabled: boolean): Promise<void> {
  await patch(id, { enabled });
}

export async function deleteRule(id: string): Promise<void> {
  await answered(
    api.DELETE("/api/1.0/runstream/alert-rules/{rule_id}", { params: { path: { rule_id: id } } }),
  );
}

type Patch = Omit<Schemas["AlertRule"], "rule_id"> & { webhook_secret?: string };

async function patch(id: string, body: Patch): Promise<void> {
  await answered(
    api.PATCH("/api/1.0/runstream/alert-rules/{rule_id}", {
      params: { path: { rule_id: id } },
      body,
    }),
  );
}

function messageOf(fields: Omit<RuleFields, "secret">) {
  return {
    name: fields.name,
    level: nameOfLevel(fields.level),
    destinations: { webhook_urls: fields.webhooks, email_addresses: fields.emails },
    ...messageOfCondition(fields.condition),
  };
}

function messageOfCondition(condition: Condition): Patch {
  switch (condition.kind) {
    case "metric_above":
    case "metric_below": {
      const { metric, threshold } = condition;
      return { [condition.kind]: { metric_key: metric, threshold: jsonOf(threshold) } };
    }
    case "metric_nan":
      return { metric_nan: { metric_key: condition.metric } };
    case "run_silent":
      return { run_silent: { minutes: condition.minutes } };
    case "alert_raised":
      return { alert_raised: { min_level: nameOfLevel(condition.level) } };
    default:
      return { [condition.kind]: {} };
  }
}

/** JSON has no infinities: they are texts. */
function jsonOf(value: number): number | "NaN" | "Infinity" | "-Infinity" {
  return Number.isFinite(value) ? value : (String(value) as "NaN" | "Infinity" | "-Infinity");
}

function ruleOf(message: Schemas["AlertRule"]): AlertRule {
  return {
    id: message.rule_id ?? "",
    experimentId: message.experiment_id ?? "",
    runId: message.run_id ?? "",
    name: message.name ?? "",
    level: levelOf(message.level),
    enabled: message.enabled ?? false,
    webhooks: message.destinations?.webhook_urls ?? [],
    emails: message.destinations?.email_addresses ?? [],
    createdBy: message.created_by ?? "",
    condition: conditionOf(message),
  };
}

function conditionOf(message: Schemas["AlertRule"]): Condition {
  for (const kind of ["metric_above", "metric_below"] as const) {
    const of = message[kind];
    if (of) return { kind, metric: of.metric_key ?? "", threshold: Number(of.threshold ?? 0) };
  }
  if (message.metric_nan)
    return { kind: "metric_nan", metric: message.metric_nan.metric_key ?? "" };
  if (message.run_silent)
    return { kind: "run_silent", minutes: Number(message.run_silent.minutes ?? 0) };
  if (message.run_ended) return { kind: "run_ended" };
  if (message.run_failed) return { kind: "run_failed" };
  return { kind: "alert_raised", level: levelOf(message.alert_raised?.min_level) };
}
