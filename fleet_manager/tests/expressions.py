"""Expressions of PromQL, held against series that there are."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import promql_parser as promql
from prometheus_client.parser import text_string_to_metric_families

FROM_THE_SCRAPE = frozenset(("job", "instance"))
BY_PROMETHEUS = {"up": [{"job": "fleet", "instance": "localhost:8000"}]}
VARIABLES = {"$__rate_interval": "5m", "$__range": "3h", "$job": ".+"}
FALLS_NEVER = ("_total", "_bucket", "_count", "_sum")

Labels = dict[str, str]


@dataclass
class Series:
    """What `/metrics` told: each sample's name with the labels that it came with."""

    samples: dict[str, list[Labels]] = field(default_factory=dict)
    families: dict[str, tuple[str, frozenset[str]]] = field(default_factory=dict)
    values: dict[tuple[str, frozenset[tuple[str, str]]], float] = field(default_factory=dict)

    def value(self, name: str, **labels: str) -> float:
        return self.values.get((name, frozenset(labels.items())), 0.0)


def read_series(text: str) -> Series:
    series = Series()
    for family in text_string_to_metric_families(text):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = frozenset(label for one in family.samples for label in one.labels) - {"le"}
        series.families[name] = (family.type, labels)
        for one in family.samples:
            series.samples.setdefault(one.name, []).append(one.labels)
            series.values[one.name, frozenset(one.labels.items())] = one.value
    return series


def faults_of(written: str, series: Series) -> list[str]:
    """What is wrong with an expression; nothing where it fits the series."""
    for variable, value in VARIABLES.items():
        written = written.replace(variable, value)
    try:
        nodes = nodes_of(promql.parse(written))
    except ValueError as error:
        return [f"{error}"]
    samples = series.samples | BY_PROMETHEUS
    found = [fault for node in nodes for fault in _faults_of_node(node, samples)]
    counted = [node.vector_selector for node in nodes if isinstance(node, promql.MatrixSelector)]
    plain = [node for node in nodes if isinstance(node, promql.VectorSelector)]
    if sum(one.name.endswith(FALLS_NEVER) for one in plain) > len(counted):
        found.append("A counter is read without its rate.")
    return found + [fault for node in nodes for fault in _faults_of_quantile(node)]


def nodes_of(expression: promql.Expr) -> list[promql.Expr]:
    nodes: list[promql.Expr] = []
    promql.walk(expression, nodes.append)
    return nodes


def labels_left(written: str, series: Series) -> set[str]:
    """Labels that the expression's result bears: those it is grouped by, else those of its series."""
    for variable, value in VARIABLES.items():
        written = written.replace(variable, value)
    nodes = nodes_of(promql.parse(written))
    grouped = [node.modifier.labels for node in nodes if _is_grouped(node)]
    if grouped or any(isinstance(node, promql.AggregateExpr) for node in nodes):
        return {label for labels in grouped for label in labels}
    names = [node.name for node in nodes if isinstance(node, promql.VectorSelector)]
    samples = series.samples | BY_PROMETHEUS
    return FROM_THE_SCRAPE | {label for name in names for labels in samples.get(name, ()) for label in labels}


def _is_grouped(node: promql.Expr) -> bool:
    return isinstance(node, promql.AggregateExpr) and node.modifier is not None


def _faults_of_node(node: promql.Expr, samples: dict[str, list[Labels]]) -> Iterator[str]:
    if isinstance(node, promql.VectorSelector):
        if node.name not in samples:
            yield f"No series is named {node.name}."
        else:
            yield from _faults_of_matchers(node, samples[node.name])
    elif isinstance(node, promql.AggregateExpr) and node.modifier:
        names = {one.name for one in nodes_of(node.expr) if isinstance(one, promql.VectorSelector)}
        known = {label for name in names for labels in samples.get(name, ()) for label in labels}
        for label in set(node.modifier.labels) - known - FROM_THE_SCRAPE:
            yield f"{', '.join(sorted(names))} has no label {label} to group by."


def _faults_of_matchers(node: promql.VectorSelector, series: list[Labels]) -> Iterator[str]:
    left = series
    for matcher in node.matchers.matchers:
        if matcher.name in FROM_THE_SCRAPE:
            continue
        if not any(matcher.name in labels for labels in series):
            yield f"{node.name} has no label {matcher.name}."
            return
        if matcher.op == promql.MatchOp.Equal:
            left = [labels for labels in left if labels.get(matcher.name) == matcher.value]
        elif matcher.op == promql.MatchOp.Re and matcher.value != "5..":  # none of these is what is wanted
            left = [labels for labels in left if re.fullmatch(matcher.value, labels.get(matcher.name, ""))]
    if not left:
        yield f"No series of {node.name} is chosen by {node.matchers}."


def _faults_of_quantile(node: promql.Expr) -> Iterator[str]:
    if isinstance(node, promql.Call) and node.func.name == "histogram_quantile":
        (inner,) = (one for one in nodes_of(node.args[1]) if isinstance(one, promql.AggregateExpr))
        if "le" not in inner.modifier.labels:
            yield "A quantile needs its buckets: group by le."


def placeholders(text: str) -> set[str]:
    """`{{way}}` of a legend and `{{ $labels.way }}` of an annotation."""
    return set(re.findall(r"{{\s*(?:\$labels\.)?(\w+)\s*}}", text))


def runs_of(panels: Iterable[dict]) -> Iterator[tuple[str, str, str]]:
    """Title, expression and legend of everything that panels ask."""
    for panel in panels:
        for target in panel["targets"]:
            yield panel["title"], target["expr"], target["legendFormat"]
