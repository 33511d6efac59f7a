// Tensors by the parts of their names: `encoder.layer.0.weight`.

import type { TreeNode } from "./fileQuestions";

export interface Tensor {
  name: string;
  dtype: string;
  shape: number[];
}

/** Returns tensors as a tree, of which each part says how many values are below it. */
export function tensorTree(tensors: Tensor[], separator: RegExp): TreeNode[] {
  const root: Branch = { children: new Map(), count: 0 };
  for (const tensor of tensors) {
    const size = tensor.shape.reduce((product, length) => product * length, 1);
    let branch = root;
    for (const name of tensor.name.split(separator).slice(0, 30)) {
      const next = branch.children.get(name) ?? { children: new Map(), count: 0 };
      branch.children.set(name, next);
      next.count += size;
      branch = next;
    }
    branch.leaf = `${tensor.dtype} [${tensor.shape.join(", ")}]`;
  }
  return nodesOf(root);
}

interface Branch {
  children: Map<string, Branch>;
  count: number;
  leaf?: string;
}

function nodesOf(branch: Branch): TreeNode[] {
  return [...branch.children].map(([name, child]) => ({
    name,
    note: [child.leaf, child.children.size ? `${child.count.toLocaleString("en")} values` : ""]
      .filter(Boolean)
      .join(", "),
    children: nodesOf(child),
  }));
}
