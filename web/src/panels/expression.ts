// Expressions of metrics: `train/loss - val/loss`, `log(loss)`, `"my metric" / 2`. A metric's name is
// written as it is; operators have spaces around them, because names have `/` and `-`. A name with
// spaces or brackets stands in double quotes.

export type Expression =
  | { kind: "number"; value: number }
  | { kind: "metric"; name: string }
  | { kind: "call"; apply: (a: number, b: number) => number; parts: Expression[] };

const FUNCTIONS: Record<string, (value: number) => number> = {
  log: Math.log,
  log10: Math.log10,
  exp: Math.exp,
  sqrt: Math.sqrt,
  abs: Math.abs,
};
const OPERATORS: Record<string, [number, (a: number, b: number) => number]> = {
  "+": [1, (a, b) => a + b],
  "-": [1, (a, b) => a - b],
  "*": [2, (a, b) => a * b],
  "/": [2, (a, b) => a / b],
  "^": [3, (a, b) => a ** b],
};
// Parts of an expression, and brackets in each other.
const MOST_TOKENS = 200;
const TOKEN = /\s*("(?:[^"])*"|(?:log10|log|exp|sqrt|abs)\(|[()]|[^\s()"]+)/y;

/** Returns what a text says; a metric that has this very name is meant first. Raises SyntaxError. */
export function expressionOf(text: string, metrics: Set<string>): Expression {
  if (metrics.has(text) || !/[\s("]/.test(text)) return { kind: "metric", name: text };
  const tokens = tokensOf(text);
  let at = 0;
  const sum = (least: number): Expression => {
    let left = one();
    for (;;) {
      const [order, apply] = OPERATORS[tokens[at] ?? ""] ?? [0, Math.max];
      if (order < least || !order) return left;
      at += 1;
      // A power binds to the right, all else to the left.
      left = { kind: "call", apply, parts: [left, sum(order === 3 ? order : order + 1)] };
    }
  };
  const one = (): Expression => {
    const token = tokens[at];
    at += 1;
    if (token === undefined) throw new SyntaxError("A metric is missing at the end.");
    if (token === "(" || token.endsWith("(")) {
      const inner = sum(1);
      if (tokens[at] !== ")") throw new SyntaxError("A bracket is not closed.");
      at += 1;
      const apply = FUNCTIONS[token.slice(0, -1)];
      return apply ? { kind: "call", apply, parts: [inner] } : inner;
    }
    if (token === ")" || OPERATORS[token])
      throw new SyntaxError(`There is no metric before ${token}.`);
    if (token.startsWith('"')) return { kind: "metric", name: token.slice(1, -1) };
    return /^-?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(token)
      ? { kind: "number", value: Number(token) }
      : { kind: "metric", name: token };
  };
  const found = sum(1);
  if (at < tokens.length)
    throw new SyntaxError(`An operator is missing before ${tokens[at] ?? ""}.`);
  return found;
}

/** Returns the names of all metrics of an expression. */
export function namesOf(expression: Expression): string[] {
  if (expression.kind === "metric") return [expression.name];
  return expression.kind === "call" ? [...new Set(expression.parts.flatMap(namesOf))] : [];
}

export function evaluate(expression: Expression, valueAt: (name: string) => number): number {
  if (expression.kind === "number") return expression.value;
  if (expression.kind === "metric") return valueAt(expression.name);
  const [a = 0, b = 0] = expression.parts.map((part) => evaluate(part, valueAt));
  return expression.apply(a, b);
}

function tokensOf(text: string): string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.trimEnd().length) {
    const [, token] = TOKEN.exec(text) ?? [];
    if (token === undefined) throw new SyntaxError("A quote is not closed.");
    if (tokens.push(token) > MOST_TOKENS) throw new SyntaxError("It has too many parts.");
  }
  return tokens;
}
