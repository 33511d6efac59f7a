// What a panel shows as a file: a table, the first row of which has the titles of its columns.

import { part } from "../api/connection";
import type { MenuItem } from "../parts/Menu";
import { attempt } from "../parts/notices";
import { csv, saveFile } from "../parts/saveFile";

export type Rows = (string | number | null)[][];

/** Returns the entries of a menu that save a table. */
export function tableActions(title: () => string, rows: () => Rows): MenuItem[] {
  const saveParquet = async () => {
    const { tableParquet } = await part(() => import("./tableParquet"));
    saveFile(`${title()}.parquet`, new Blob([tableParquet(rows())]));
  };
  return [
    { label: "CSV", act: () => saveFile(`${title()}.csv`, csv(rows())) },
    { label: "Parquet", act: () => attempt(saveParquet) },
  ];
}
