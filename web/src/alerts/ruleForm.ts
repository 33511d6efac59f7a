// What is typed into the form of a rule, what it makes, and which field an error is about.

import type { AlertRule, Condition, RuleFields } from "../api/alertRules";
import type { Level } from "../api/alerts";
import { ApiError } from "../api/client";
import { briefOf, type Kind } from "./conditions";

/** The fields as texts; all of them stay while the condition is another. */
export interface Typed {
  kind: Kind;
  metric: string;
  threshold: string;
  minutes: string;
  leastLevel: Level;
  name: string;
  level: Level;
  webhooks: string;
  secret: string;
  emails: string;
}

export type Field = keyof Typed;

/** An error of what was typed, at its field. */
class FieldError extends ApiError {
  constructor(
    readonly at: Field,
    message: string,
  ) {
    super("INVALID_PARAMETER_VALUE", message);
  }
}

const MOST_NAME = 250;

// What the fields are in the contract; those of a condition stand behind its kind and a dot.
const FIELDS: Record<string, Field> = {
  name: "name",
  metric_key: "metric",
  threshold: "threshold",
  minutes: "minutes",
  webhook_secret: "secret",
  webhook_urls: "webhooks",
  email_addresses: "emails",
};

/** Returns the field that an error is about; nothing if it is about all. */
export function fieldOf(error: ApiError): Field | undefined {
  if (error instanceof FieldError) return error.at;
  return FIELDS[error.field.replace(/^.*\./, "").replace(/\[.*$/, "")];
}

export function typedOf(rule: AlertRule | undefined): Typed {
  const { condition } = rule ?? {};
  return {
    kind: condition?.kind ?? "metric_above",
    metric: condition && "metric" in condition ? condition.metric : "",
    threshold: condition && "threshold" in condition ? String(condition.threshold) : "",
    minutes: condition && "minutes" in condition ? String(condition.minutes) : "30",
    leastLevel: condition?.kind === "alert_raised" ? condition.level : "INFO",
    name: rule?.name ?? "",
    level: rule?.level ?? "WARN",
    webhooks: rule?.webhooks.join("\n") ?? "",
    secret: "",
    emails: rule?.emails.join("\n") ?? "",
  };
}

/** Returns what was typed as fields of a rule; raises FieldError if a metric is missing or a number is none. */
export function fieldsOf(typed: Typed): RuleFields {
  const condition = conditionOf(typed);
  return {
    condition,
    name: typed.name.trim() || briefOf(condition).slice(0, MOST_NAME),
    level: typed.level,
    webhooks: linesOf(typed.webhooks),
    emails: linesOf(typed.emails),
    secret: linesOf(typed.webhooks).length ? typed.secret.trim() : "",
  };
}

function conditionOf(typed: Typed): Condition {
  const metric = typed.metric.trim();
  switch (typed.kind) {
    case "metric_above":
    case "metric_below":
      if (!metric) throw new FieldError("metric", "Choose the metric that is to be watched.");
      return { kind: typed.kind, metric, threshold: thresholdOf(typed.threshold) };
    case "metric_nan":
      return { kind: "metric_nan", metric };
    case "run_silent":
      if (!/^\s*\d{1,6}\s*$/.test(typed.minutes))
        throw new FieldError("minutes", "Minutes are a whole number, 1 to 10,080.");
      return { kind: "run_silent", minutes: Number(typed.minutes) };
    case "alert_raised":
      return { kind: "alert_raised", level: typed.leastLevel };
    default:
      return { kind: typed.kind };
  }
}

function thresholdOf(text: string): number {
  const value = Number(text.trim().replace(/^([+-]?)inf(inity)?$/i, "$1Infinity"));
  if (!text.trim() || Number.isNaN(value))
    throw new FieldError("threshold", "A threshold is a number, such as 0.5 or 1e-3.");
  return value;
}

/** Returns the addresses of a text, with lines, spaces or commas between them. */
function linesOf(text: string): string[] {
  return text.split(/[\s,]+/).filter(Boolean);
}
