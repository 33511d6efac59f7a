// What the page asks a worker of a file, and what it is answered.

/** A column of a table. */
export interface TableColumn {
  name: string;
  type: string;
  isNumber: boolean;
}

export type TableFormat = "csv" | "json" | "parquet" | "arrow";

export interface TableHead {
  format: TableFormat;
  columns: TableColumn[];
  /** Rows of the file. */
  total: number;
  /** What is not shown of it. */
  note?: string;
}

/** Rows that contain a text, or are on one side of a number, in one column or any. */
export interface TableFilter {
  column: number | null;
  text: string;
}

export interface RowsWanted {
  /** Of the table, which is opened if it is not. */
  format: TableFormat;
  start: number;
  end: number;
  sort?: { column: number; descending: boolean };
  filter?: TableFilter;
}

export interface Rows {
  rows: string[][];
  /** How many the filter finds. */
  found: number;
}

export interface ArrayFacts {
  shape: number[];
  dtype: string;
  order: "C" | "Fortran";
  /** Of how many values the numbers below are. */
  counted: number;
  count: number;
  numbers?: { min: number; max: number; mean: number; deviation: number; notFinite: number };
  histogram?: { edges: number[]; counts: number[]; not_finite: number };
  first: string[];
  picture?: ArrayPicture;
}

/** One of several arrays, with what it is; without, if it is none that can be read. */
export interface ArrayMember {
  name: string;
  shape?: number[];
  dtype?: string;
}

export interface ArrayMembers {
  members: ArrayMember[];
  /** Those that are not told. */
  left: number;
}

export interface ArrayPicture {
  width: number;
  height: number;
  /** Red, green, blue and alpha of each pixel. */
  pixels: Uint8ClampedArray<ArrayBuffer>;
  /** The value of each pixel; none, if they are colours. */
  values?: Float64Array;
  told: string;
}

/** A part of something that is built of parts, such as a layer of a model. */
export interface TreeNode {
  name: string;
  note: string;
  children: TreeNode[];
}

export interface FileTreeFacts {
  facts: [string, string][];
  trees: TreeNode[];
  note?: string;
}

export interface NotebookOutput {
  text?: string;
  /** Not clean yet. */
  html?: string;
  /** An address that begins with `data:image/`. */
  image?: string;
  isError?: boolean;
}

export interface NotebookCell {
  kind: "markdown" | "code" | "raw";
  count: string;
  text: string;
  /** Of a cell in markdown not clean yet. */
  html?: string;
  outputs: NotebookOutput[];
}

export interface Notebook {
  cells: NotebookCell[];
  left: number;
}

export interface ModelCard {
  facts: [string, string][];
  flavors: { name: string; facts: [string, string][] }[];
  signature: { part: string; fields: [string, string][] }[];
}

/** Each question by its kind: what it says beside, and what is answered. */
export interface Questions {
  table: [{ format: TableFormat }, TableHead | undefined];
  rows: [RowsWanted, Rows];
  array: [{ member?: string }, ArrayFacts];
  arrays: [object, ArrayMembers];
  tensors: [object, FileTreeFacts];
  onnx: [object, FileTreeFacts];
  notebook: [object, Notebook];
  model: [object, ModelCard];
}

export type Question = keyof Questions;
