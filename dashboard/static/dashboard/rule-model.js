// A rule's pattern as the editor holds it: groups (all, any, none, not all) and conditions, each with its path in JSON.
let last = 0;

export const condition = (field = "", operator = "", value = undefined) =>
  ({ key: ++last, field, operator, value, touched: false });

// A bare group stands for its only node: {"not": condition}, or a condition alone.
export const group = (mode, nodes, bare = false) => ({ key: ++last, mode, nodes, bare });

export const isGroup = (node) => Array.isArray(node.nodes);

export function read(pattern) {
  if (!pattern) return group("all", [condition()]);
  const node = readNode(pattern);
  return isGroup(node) ? node : group("all", [node], true);
}

function readNode(pattern) {
  if (pattern.all) return group("all", pattern.all.map(readNode));
  if (pattern.any) return group("any", pattern.any.map(readNode));
  if (pattern.not?.all) return group("not all", pattern.not.all.map(readNode));
  if (pattern.not?.any) return group("none", pattern.not.any.map(readNode));
  if (pattern.not) return group("none", [readNode(pattern.not)], true);
  return condition(pattern.field, pattern.operator, pattern.value);
}

const isBare = (node) => node.bare && node.nodes.length === 1;
const isNegated = (node) => node.mode === "none" || node.mode === "not all";
const keyOf = (node) => (node.mode === "all" || node.mode === "not all" ? "all" : "any");

export function write(node) {
  if (!isGroup(node)) return writeCondition(node);
  const nodes = node.nodes.map(write);
  const inner = isBare(node) ? nodes[0] : { [keyOf(node)]: nodes };
  return isNegated(node) ? { not: inner } : inner;
}

function writeCondition({ field, operator, value }) {
  const written = { field, operator };
  if (value !== undefined && value !== "") written.value = value;
  return written;
}

// Every node with its path as the API names it: pattern.all[0].not.any[1]
export function* places(node, path = "pattern") {
  yield [path, node];
  if (!isGroup(node)) return;
  const start = isNegated(node) ? `${path}.not` : path;
  for (const [index, child] of node.nodes.entries()) {
    yield* places(child, isBare(node) ? start : `${start}.${keyOf(node)}[${index}]`);
  }
}

// The node that a path of an answer speaks of: the one whose own path begins it and is longest.
export function nodeAt(root, path) {
  let found = null;
  let length = -1;
  for (const [own, node] of places(root)) {
    const holds = path === own || path.startsWith(`${own}.`) || path.startsWith(`${own}[`);
    if (holds && own.length >= length) [found, length] = [node, own.length];
  }
  return found;
}

// Whether every condition says all that it needs; what is half typed is not worth asking about.
export function isComplete(root, takesValue) {
  return [...places(root)].every(([, node]) => isGroup(node)
    || (node.field && node.operator && (!takesValue(node.operator) || hasValue(node.value))));
}

const hasValue = (value) =>
  Array.isArray(value) ? value.length > 0 && value.every(hasValue) : value !== undefined && value !== "";
