// The table as a file: its runs, or its groups, in the columns that are shown.

import { csv, saveFile } from "../parts/saveFile";
import { type Column, title, value } from "../runs/columns";
import { groupValue } from "../runs/groups";
import type { RunList } from "../runs/runList";

type Cells = (string | number | null)[];

/** Offers a list with all its rows as a download; raises ApiError. */
export async function saveRuns(name: string, list: RunList): Promise<void> {
  if (list.isGrouped()) saveFile(`${name}.groups.csv`, csv(await groupRows(list)));
  else saveFile(`${name}.csv`, csv(await runRows(list)));
}

async function runRows(list: RunList): Promise<Cells[]> {
  const runs = await list.all();
  const columns: Column[] = ["run_id", "run_name", ...list.columns()];
  return [columns.map(title), ...runs.map((run) => columns.map((column) => value(run, column)))];
}

async function groupRows(list: RunList): Promise<Cells[]> {
  const groups = await list.allGroups();
  const by = list.groups();
  const statistic = list.statistic();
  const columns = list.columns().filter((column) => !by.includes(column));
  const called = (column: Column) =>
    /^(metrics|minimum|maximum)\.|^duration$/.test(column)
      ? `${title(column)} (${statistic})`
      : column === "start_time"
        ? "Last started"
        : title(column);
  return [
    [...by.map(title), "Runs", ...columns.map(called)],
    ...groups.map((group) => [
      ...group.values,
      group.runs,
      ...columns.map((column) =>
        column === "status"
          ? group.statuses.map(({ status, count }) => `${count} ${status}`).join(", ")
          : groupValue(group, column, statistic),
      ),
    ]),
  ];
}
