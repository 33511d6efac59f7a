// What a model of ONNX is made of (github.com/onnx/onnx/blob/main/onnx/onnx.proto): its inputs and
// outputs, its nodes, and the names and shapes of its weights, not their values.

import type { FileTreeFacts, TreeNode } from "./fileQuestions";
import { FileProblem, type FileSource } from "./fileSource";
import { type Field, FieldReader } from "./protobuf";
import { type Tensor, tensorTree } from "./tensorTree";

const MOST_NODES = 20_000;
const MOST_WEIGHTS = 1_500;
const MOST_DIMENSIONS = 30;

export async function onnx(file: FileSource): Promise<FileTreeFacts> {
  const reader = new FieldReader(file);
  const facts: [string, string][] = [];
  const opsets: string[] = [];
  let graph: Graph | undefined;
  for await (const field of reader.fields(0, file.size)) {
    if (field.number === 1) facts.push(["IR version", String(field.value)]);
    if (field.number === 2) facts.push(["Made by", await reader.text(field)]);
    if (field.number === 3) facts.push(["Version", await reader.text(field)]);
    if (field.number === 7) graph = await graphOf(reader, field);
    if (field.number === 8) opsets.push((await texts(reader, field, [1, 2])).join(" "));
    if (field.number === 14 && facts.length < 100) {
      const [key = "", value = ""] = await texts(reader, field, [1, 2]);
      facts.push([key, value]);
    }
  }
  if (!graph) throw new FileProblem("This is no model of ONNX.");
  const { inputs, outputs, nodes, kinds, weights } = graph;
  facts.push(["Operators", opsets.map((text) => text || "?").join(", ")]);
  facts.push(["Nodes", graph.nodeCount.toLocaleString("en")]);
  const branch = (name: string, children: TreeNode[], note = "") => ({ name, note, children });
  return {
    facts,
    trees: [
      branch("Inputs", inputs),
      branch("Outputs", outputs),
      branch("Kinds of nodes", kinds),
      branch("Nodes", nodes),
      branch("Weights", tensorTree(weights, /[./]/), `${graph.weightCount} tensors`),
    ].filter(({ children }) => children.length),
    ...((graph.nodeCount > MOST_NODES || graph.weightCount > MOST_WEIGHTS) && {
      note: `Shown are the first ${MOST_NODES.toLocaleString("en")} nodes and ${MOST_WEIGHTS.toLocaleString("en")} weights.`,
    }),
  };
}

interface Graph {
  inputs: TreeNode[];
  outputs: TreeNode[];
  nodes: TreeNode[];
  kinds: TreeNode[];
  nodeCount: number;
  weights: Tensor[];
  weightCount: number;
}

async function graphOf(reader: FieldReader, { start, end }: Field): Promise<Graph> {
  const graph: Graph = {
    inputs: [],
    outputs: [],
    nodes: [],
    kinds: [],
    nodeCount: 0,
    weights: [],
    weightCount: 0,
  };
  const kinds = new Map<string, number>();
  for await (const field of reader.fields(start, end)) {
    if (field.number === 1) {
      graph.nodeCount += 1;
      if (graph.nodeCount > MOST_NODES) continue;
      const [kind, node] = await nodeOf(reader, field);
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      graph.nodes.push(node);
    }
    if (field.number === 5) {
      graph.weightCount += 1;
      if (graph.weightCount <= MOST_WEIGHTS) graph.weights.push(await tensorOf(reader, field));
    }
    if (field.number === 11) graph.inputs.push(await inputOf(reader, field));
    if (field.number === 12) graph.outputs.push(await inputOf(reader, field));
  }
  graph.kinds = [...kinds]
    .sort((a, b) => b[1] - a[1])
    .map(([name, count]) => ({ name, note: String(count), children: [] }));
  return graph;
}

async function nodeOf(reader: FieldReader, { start, end }: Field): Promise<[string, TreeNode]> {
  const inputs: string[] = [];
  const outputs: string[] = [];
  let [name, kind] = ["", ""];
  for await (const field of reader.fields(start, end)) {
    if (field.number === 1 && inputs.length < 20) inputs.push(await reader.text(field, 200));
    if (field.number === 2 && outputs.length < 20) outputs.push(await reader.text(field, 200));
    if (field.number === 3) name = await reader.text(field, 200);
    if (field.number === 4) kind = await reader.text(field, 200);
  }
  const note = `${name && `${name}: `}${inputs.join(", ")} → ${outputs.join(", ")}`;
  return [kind, { name: kind, note, children: [] }];
}

async function tensorOf(reader: FieldReader, { start, end }: Field): Promise<Tensor> {
  const tensor: Tensor = { name: "", dtype: "", shape: [] };
  for await (const field of reader.fields(start, end)) {
    if (field.number === 1) tensor.shape.push(...(await reader.numbers(field, MOST_DIMENSIONS)));
    if (field.number === 2) tensor.dtype = TYPES[field.value] ?? `type ${field.value}`;
    if (field.number === 8) tensor.name = await reader.text(field, 500);
  }
  return tensor;
}

/** Name, type and shape of an input or output: ValueInfoProto. */
async function inputOf(reader: FieldReader, value: Field): Promise<TreeNode> {
  let [name, note] = ["", ""];
  for await (const field of reader.fields(value.start, value.end)) {
    if (field.number === 1) name = await reader.text(field, 500);
    if (field.number !== 2) continue;
    for await (const type of reader.fields(field.start, field.end)) {
      if (type.number === 1) note = await tensorTypeOf(reader, type);
    }
  }
  return { name, note, children: [] };
}

async function tensorTypeOf(reader: FieldReader, type: Field): Promise<string> {
  const shape: string[] = [];
  let dtype = "";
  for await (const field of reader.fields(type.start, type.end)) {
    if (field.number === 1) dtype = TYPES[field.value] ?? "";
    if (field.number !== 2) continue;
    for await (const dimension of reader.fields(field.start, field.end)) {
      let length = "?";
      for await (const part of reader.fields(dimension.start, dimension.end)) {
        length = part.number === 1 ? String(part.value) : await reader.text(part, 100);
      }
      if (shape.length < MOST_DIMENSIONS) shape.push(length);
    }
  }
  return `${dtype} [${shape.join(", ")}]`;
}

async function texts(reader: FieldReader, message: Field, numbers: number[]): Promise<string[]> {
  const found: string[] = numbers.map(() => "");
  for await (const field of reader.fields(message.start, message.end)) {
    const at = numbers.indexOf(field.number);
    if (at < 0) continue;
    // A version is a number, and a name a text.
    const isText = field.end - field.start > 0 && field.value === 0;
    found[at] = isText ? await reader.text(field) : String(field.value);
  }
  return found;
}

const TYPES: Record<number, string> = {
  1: "float32",
  2: "uint8",
  3: "int8",
  4: "uint16",
  5: "int16",
  6: "int32",
  7: "int64",
  8: "string",
  9: "bool",
  10: "float16",
  11: "float64",
  12: "uint32",
  13: "uint64",
  14: "complex64",
  15: "complex128",
  16: "bfloat16",
};
