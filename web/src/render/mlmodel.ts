// The file `MLmodel`, in which MLflow says what a model is.

import type { ModelCard } from "./fileQuestions";
import { FileProblem, type FileSource, objectOf, readText } from "./fileSource";
import { parseYaml, type Yaml } from "./yaml";

const MOST_BYTES = 500_000;
const MOST_FIELDS = 300;
const FACTS: Record<string, string> = {
  run_id: "Run",
  model_id: "Model id",
  mlflow_version: "MLflow",
  utc_time_created: "Created (UTC)",
  model_size_bytes: "Bytes",
  model_uuid: "Model uuid",
};

export async function modelCard(file: FileSource): Promise<ModelCard> {
  const [text, isWhole] = await readText(file, MOST_BYTES);
  const found = isWhole ? parsed(text) : undefined;
  if (!(found instanceof Map)) throw new FileProblem("This MLmodel is none that is known here.");
  const flavors = found.get("flavors");
  const signature = found.get("signature");
  return {
    facts: Object.entries(FACTS).flatMap(([key, title]) => {
      const value = found.get(key);
      return typeof value === "string" && value ? [[title, value] as [string, string]] : [];
    }),
    flavors:
      flavors instanceof Map
        ? [...flavors].map(([name, facts]) => ({ name, facts: flat(facts, "") }))
        : [],
    signature:
      signature instanceof Map
        ? [...signature].flatMap(([part, value]) => {
            const fields = typeof value === "string" ? fieldsOf(value) : [];
            return fields.length ? [{ part, fields }] : [];
          })
        : [],
  };
}

function parsed(text: string): Yaml | undefined {
  try {
    return parseYaml(text);
  } catch {
    return undefined;
  }
}

function flat(value: Yaml, name: string): [string, string][] {
  if (typeof value === "string") return value ? [[name, value]] : [];
  if (Array.isArray(value)) return [[name, value.map(String).join(", ")]];
  const found = [...value].flatMap(([key, part]) => flat(part, name ? `${name}.${key}` : key));
  return found.slice(0, MOST_FIELDS);
}

/** Names and types of a signature, which is JSON in YAML. */
function fieldsOf(json: string): [string, string][] {
  let fields: unknown;
  try {
    fields = JSON.parse(json);
  } catch {
    return [];
  }
  if (!Array.isArray(fields)) return [];
  return fields.slice(0, MOST_FIELDS).map((field, i) => {
    const { name, type, required, default: value, ...more } = objectOf(field) ?? {};
    const tensor = objectOf(more["tensor-spec"]);
    const told = tensor ? `${tensor.dtype} ${JSON.stringify(tensor.shape)}` : String(type);
    const note = required === false ? ", optional" : value === undefined ? "" : ` = ${value}`;
    return [String(name ?? (fields.length === 1 ? "value" : i)), told + note];
  });
}
