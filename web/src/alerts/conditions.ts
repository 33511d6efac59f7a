// The conditions of rules, in words.

import type { AlertRule, Condition } from "../api/alertRules";
import { number } from "../parts/format";
import { LEVEL_WORDS } from "./LevelMark";

export type Kind = Condition["kind"];

/** What can be told of, as it is chosen, and what it means. */
export const KINDS: Record<Kind, { name: string; meaning: string }> = {
  metric_above: {
    name: "A metric is above a threshold",
    meaning:
      "Tells once for each run when a point is greater than the threshold, and again after a point that was not.",
  },
  metric_below: {
    name: "A metric is below a threshold",
    meaning:
      "Tells once for each run when a point is less than the threshold, and again after a point that was not.",
  },
  metric_nan: {
    name: "A metric is NaN",
    meaning:
      "Tells once for each run when a point is NaN, and again after one that was not; of any metric, if none is named.",
  },
  run_silent: {
    name: "A run has no news",
    meaning:
      "Tells when a running run has logged nothing for so many minutes: no points, params, tags or console. System metrics are no news. A rule for an experiment counts from the first news of a run after it was made.",
  },
  run_ended: {
    name: "A run ends",
    meaning: "Tells when a run has finished, failed or was killed.",
  },
  run_failed: {
    name: "A run fails",
    meaning: "Tells when a run has failed, also because its program was not heard of any more.",
  },
  alert_raised: {
    name: "A program raises an alert",
    meaning:
      "Sends on what programs raise by runstream.alert(): it adds no alert of its own, and those have levels of their own.",
  },
};

/** Returns when a rule tells, as a name would say it: `val_loss above 3`. */
export function briefOf(condition: Condition): string {
  switch (condition.kind) {
    case "metric_above":
      return `${condition.metric} above ${number(condition.threshold)}`;
    case "metric_below":
      return `${condition.metric} below ${number(condition.threshold)}`;
    case "metric_nan":
      return `${condition.metric || "Any metric"} is NaN`;
    case "run_silent":
      return `No news for ${condition.minutes} min`;
    case "run_ended":
      return "Run ended";
    case "run_failed":
      return "Run failed";
    case "alert_raised":
      return condition.level === "INFO"
        ? "Raised by a program"
        : `Raised by a program, ${LEVEL_WORDS[condition.level].toLowerCase()} or above`;
  }
}

/** Returns whom a rule tells besides the interface. */
export function toldBy(rule: AlertRule): string[] {
  return [...rule.webhooks, ...rule.emails];
}
