// What a file of weights is made of, by its header, as a tree.

import { createSignal, Show } from "solid-js";
import { ShowMore } from "../parts/ShowMore";
import type { TreeNode } from "../render/fileQuestions";
import { Answered } from "./Answered";
import { Facts } from "./Facts";
import { kindOf } from "./kinds";
import { createAnswer, type ShownFile } from "./shownFile";

// Of a branch, to begin with.
const MOST_NODES = 100;
// Branches that are few are unfolded.
const FEW = 12;

export default function HeaderTree(props: ShownFile) {
  const kind = kindOf(props.artifact.name) === "onnx" ? "onnx" : "tensors";
  const found = createAnswer(props, kind, {});
  return (
    <Answered of={found}>
      {(header) => (
        <>
          <Facts facts={header().facts} />
          <Show when={header().note}>
            <p class="hint">{header().note}</p>
          </Show>
          <div class="header-tree">
            <Nodes nodes={header().trees} />
          </div>
        </>
      )}
    </Answered>
  );
}

function Nodes(props: { nodes: TreeNode[] }) {
  return (
    <ul>
      <ShowMore
        items={props.nodes}
        step={MOST_NODES}
        noun="part"
        around={(button) => <li>{button}</li>}
      >
        {(node) => <Node node={node} few={props.nodes.length <= FEW} />}
      </ShowMore>
    </ul>
  );
}

function Node(props: { node: TreeNode; few: boolean }) {
  // What nobody unfolded is not made.
  const [open, setOpen] = createSignal(props.few && props.node.children.length <= FEW);
  return (
    <li>
      <Show
        when={props.node.children.length}
        fallback={
          <span class="leaf">
            {props.node.name} <span class="hint">{props.node.note}</span>
          </span>
        }
      >
        <details open={open()} onToggle={(event) => setOpen(event.currentTarget.open)}>
          <summary>
            {props.node.name} <span class="hint">{props.node.note}</span>
          </summary>
          <Show when={open()}>
            <Nodes nodes={props.node.children} />
          </Show>
        </details>
      </Show>
    </li>
  );
}
