// A rule's pattern as the editor holds it: groups (all, any, none, not all) and conditions of several kinds, each with
// its path in JSON. What stands around a node ("lasts for", "so often within") are its `wraps`, the inner one first.
let last = 0;

const node = (held) => ({ key: ++last, wraps: [], touched: false, ...held });

export const condition = (field = "", operator = "", value = undefined) => node({ kind: "compare", field, operator, value });

// A bare group stands for its only node: {"not": condition}, or a condition alone.
export const group = (mode, nodes, bare = false) => node({ kind: "group", mode, nodes, bare });

// What is no comparison: "silent", "place", "hours" and "due", with what they say in `held`.
export const special = (kind, held) => node({ kind, held });

export const isGroup = (one) => one.kind === "group";

export function read(pattern) {
  if (!pattern) return group("all", [condition()]);
  const found = readNode(pattern);
  return isGroup(found) ? found : group("all", [found], true);
}

function readNode(pattern) {
  if ("lasts" in pattern) return wrapped(pattern.lasts, { kind: "lasts", seconds: pattern.seconds });
  if ("often" in pattern) return wrapped(pattern.often, { kind: "often", times: pattern.times, seconds: pattern.seconds });
  if ("all" in pattern) return group("all", pattern.all.map(readNode));
  if ("any" in pattern) return group("any", pattern.any.map(readNode));
  if ("not" in pattern) return readNegation(pattern.not);
  return readSpecial(pattern) ?? condition(pattern.field, pattern.operator, pattern.value);
}

function wrapped(inner, wrap) {
  const found = readNode(inner);
  found.wraps.push(wrap);
  return found;
}

function readNegation(inner) {
  if ("all" in inner) return group("not all", inner.all.map(readNode));
  if ("any" in inner) return group("none", inner.any.map(readNode));
  return group("none", [readNode(inner)], true);
}

function readSpecial(pattern) {
  if ("silent" in pattern) return special("silent", { seconds: pattern.silent });
  if ("inside" in pattern) return special("place", { side: "inside", place: { ...pattern.inside } });
  if ("outside" in pattern) return special("place", { side: "outside", place: { ...pattern.outside } });
  if ("hours" in pattern) return special("hours", { ...pattern.hours });
  return "due" in pattern ? special("due", { ...pattern.due }) : null;
}

const isBare = (one) => one.bare && one.nodes.length === 1;
const isNegated = (one) => one.mode === "none" || one.mode === "not all";
const keyOf = (one) => (one.mode === "all" || one.mode === "not all" ? "all" : "any");

export function write(one) {
  return one.wraps.reduce(writeWrap, isGroup(one) ? writeGroup(one) : WRITERS[one.kind](one));
}

function writeWrap(inner, { kind, times, seconds }) {
  const within = { seconds: seconds ?? null };
  return kind === "lasts" ? { lasts: inner, ...within } : { often: inner, times: times ?? null, ...within };
}

function writeGroup(one) {
  const nodes = one.nodes.map(write);
  const inner = isBare(one) ? nodes[0] : { [keyOf(one)]: nodes };
  return isNegated(one) ? { not: inner } : inner;
}

const WRITERS = {
  silent: ({ held }) => ({ silent: held.seconds ?? null }),
  place: ({ held }) => ({ [held.side]: held.place }),
  hours: ({ held }) => ({ hours: held }),
  due: ({ held }) => ({ due: held }),
  compare: ({ field, operator, value }) => ({ field, operator, ...(!isBlank(value) && { value }) }),
};

// Every node with its path as the API names it: pattern.all[0].not.any[1]
export function* places(one, path = "pattern") {
  yield [path, one];
  if (!isGroup(one)) return;
  const inner = [path, ...one.wraps.map((wrap) => wrap.kind).reverse()].join(".");
  const start = isNegated(one) ? `${inner}.not` : inner;
  for (const [index, child] of one.nodes.entries()) {
    yield* places(child, isBare(one) ? start : `${start}.${keyOf(one)}[${index}]`);
  }
}

// The node that a path of an answer speaks of, the one whose own path begins it and is longest, and the rest of the path.
export function nodeAt(root, path, start = "pattern") {
  let found = null;
  let length = -1;
  for (const [own, one] of places(root, start)) {
    const holds = path === own || path.startsWith(`${own}.`) || path.startsWith(`${own}[`);
    if (holds && own.length >= length) [found, length] = [one, own.length];
  }
  return found && { node: found, rest: path.slice(length) };
}

// Whether every condition says all that it needs; what is half typed is not worth asking about.
export function isComplete(root, shapeOf) {
  return [...places(root)].every(([, one]) => one.wraps.every(isWrapComplete) && (isGroup(one) || COMPLETE[one.kind](one, shapeOf)));
}

// Nothing is said yet: there is nothing to check.
export const isEmpty = (root) => [...places(root)].every(([, one]) => isGroup(one) || (one.kind === "compare" && !one.field));

// The first comparison of a number, as what ends a rule begins with.
export function firstComparison(root) {
  for (const [, one] of places(root)) if (one.kind === "compare" && one.field && one.operator) return one;
  return null;
}

const isBlank = (value) => value === undefined || value === null || value === "";
const isWrapComplete = ({ kind, times, seconds }) => !isBlank(seconds) && (kind === "lasts" || !isBlank(times));

const COMPLETE = {
  silent: ({ held }) => !isBlank(held.seconds),
  place: ({ held }) => isPlaceComplete(held.place),
  hours: ({ held }) => Boolean(held.from && held.to),
  due: ({ held }) => !isBlank(held.every_km) || !isBlank(held.every_months),
  compare: ({ field, operator, value }, shapeOf) => Boolean(field && operator) && (["none", "change"].includes(shapeOf(operator)) || hasValue(value)),
};

export function isPlaceComplete({ circle, polygon }) {
  if (polygon) return polygon.length >= 3 && polygon.flat().every((degrees) => !isBlank(degrees));
  return Boolean(circle) && ["latitude", "longitude", "radius_m"].every((name) => !isBlank(circle[name]));
}

function hasValue(value) {
  if (Array.isArray(value)) return value.length > 0 && value.every(hasValue);
  return isReference(value) ? Boolean(value.field) : !isBlank(value);
}

export const isReference = (value) => value !== null && typeof value === "object" && "field" in value;
