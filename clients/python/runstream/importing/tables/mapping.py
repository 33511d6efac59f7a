"""What the columns of a table are: found by their names, or named by options."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from runstream.errors import InvalidArgument
from runstream.importing.tables.cells import ABSENT, find_unit, is_number

# The usual names of each role, without case and marks, in the order in which they are taken.
_USUAL_NAMES = {
    "experiment": ("experiment", "experimentname", "experimentid", "project", "projectname"),
    "run": ("runid", "runuuid", "run", "runname", "trialid", "trial"),
    "name": ("runname", "displayname", "name"),
    "step": ("step", "globalstep", "iteration", "iter", "epoch"),
    "timestamp": (
        "timestamp", "timestampms", "walltime", "datetime", "date", "time", "createdat", "loggedat",
    ),
    "key": ("metric", "key", "metrickey", "metricname", "tag", "variable", "name"),
    "value": ("value", "metricvalue"),
    "status": ("status", "state"),
    "start_time": ("starttime", "startedat", "started"),
    "end_time": ("endtime", "endedat", "finishedat", "ended"),
}  # fmt: skip
_TIMES = ("timestamp", "start_time", "end_time")
_KINDS = {"param": "params", "tag": "tags", "metric": "metrics"}
_PREFIX = re.compile(r"(params?|config|hparams?|tags?|metrics?)[./](.+)", re.IGNORECASE | re.DOTALL)
_PREFIX_KINDS = {"p": "params", "c": "params", "h": "params", "t": "tags", "m": "metrics"}

# Columns of our own exports that say nothing that could be copied: computed, or of another server.
_COMPUTED = {"smoothed", "artifact_uri"}


@dataclass(frozen=True)
class MappingOptions:
    """What the user says of the columns; None and empty for what is to be found.

    Attributes:
        experiment: the column of the experiment, or the name of the experiment of all rows.
        param, tag, metric: columns that are such.
    """

    experiment: str | None = None
    run: str | None = None
    step: str | None = None
    timestamp: str | None = None
    key: str | None = None
    value: str | None = None
    param: Sequence[str] = ()
    tag: Sequence[str] = ()
    metric: Sequence[str] = ()

    def roles(self) -> dict[str, str]:
        """Return the columns of the roles that are named."""
        names = ("experiment", "run", "step", "timestamp", "key", "value")
        return {name: given for name in names if (given := getattr(self, name)) is not None}

    def check(self, tables: Sequence[Sequence[str]]) -> None:
        """Check that each column that is named is one of a table; an experiment may be a name.

        Raises:
            InvalidArgument: it is none.
        """
        known = {column for columns in tables for column in columns}
        named = [(role, column) for role, column in self.roles().items() if role != "experiment"]
        named += [(kind, column) for kind in _KINDS for column in getattr(self, kind)]
        for role, column in named:
            if column not in known:
                raise InvalidArgument(
                    f"--{role} names the column {column!r}; the columns are "
                    + ", ".join(map(repr, sorted(filter(None, known))[:50])),
                    reason="COLUMN_UNKNOWN",
                    field=role,
                    value=column,
                )
        if (self.key is None) != (self.value is None) and self.metric:
            raise InvalidArgument(
                "a table has either --key and --value or --metric",
                reason="ARGUMENTS_CONFLICT",
                field="metric",
            )


@dataclass(frozen=True)
class TableMapping:
    """What the columns of one table are.

    Attributes:
        roles: the column of each role that was found: experiment, run, name, step, timestamp, key,
            value, status, start_time, end_time. A table with key and value is long.
        params, tags, metrics: the name of each column that is such.
        left_out: columns that are nothing of these.
        units: the milliseconds of 1 in each column of times.
    """

    roles: Mapping[str, str]
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, str] = field(default_factory=dict)
    left_out: Sequence[str] = ()
    units: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_long(self) -> bool:
        """Whether each row is a point, its metric in a column."""
        return "value" in self.roles

    def describe(self) -> Iterator[str]:
        """Yield what was found, in lines for people."""
        yield (
            "long table: a row for each point"
            if self.is_long
            else (
                "wide table: a row for each step"
                if "step" in self.roles or "timestamp" in self.roles
                else "wide table: a row for each run, or step after step"
            )
        )
        for role, column in self.roles.items():
            yield f"{role}: {column}"
        for kind in _KINDS.values():
            columns = getattr(self, kind)
            if columns:
                yield f"{kind}: {', '.join(columns)}"
        if self.left_out:
            yield f"left out: {', '.join(self.left_out)}"


def find_mapping(
    columns: Sequence[str],
    sample: Sequence[Sequence[Any]],
    options: MappingOptions,
    milliseconds: frozenset[str] = frozenset(),
) -> TableMapping:
    """Find what the columns of a table are.

    Args:
        columns: their names.
        sample: the cells of the first rows, a column for each.
        options: what the user says.
        milliseconds: columns whose numbers are milliseconds since the epoch.
    """
    cells = dict(zip(columns, sample, strict=True))
    if set(columns) >= {"run_id", "metric", "step", "timestamp", "value"}:  # our own export
        milliseconds |= {"timestamp"}
    roles = {role: column for role, column in options.roles().items() if column in cells}
    named = {column: kind for kind in _KINDS for column in getattr(options, kind)}
    free = [
        column for column in columns
        if column and column not in named and column not in roles.values()
        and not _PREFIX.fullmatch(column)
    ]  # fmt: skip
    no_times = {
        column for column in columns if column not in milliseconds and not find_unit(cells[column])
    }
    roles = _find_roles(roles, free, no_times, bool(options.metric))
    units = {
        column: 1.0 if column in milliseconds else find_unit(cells[column]) or 1000.0
        for role in _TIMES
        if (column := roles.get(role))
    }
    found = TableMapping(roles)
    groups: dict[str, dict[str, str]] = {kind: {} for kind in _KINDS.values()}
    left_out = []
    for column in columns:
        if column in roles.values():
            continue
        kind = _find_kind(column, cells[column], named, found, bool(options.metric))
        if kind is None:
            left_out.append(column or "the column without a name")
        else:
            groups[kind][column] = column if column in named else _without_prefix(column)
    return TableMapping(roles, **groups, left_out=left_out, units=units)


def _find_roles(
    roles: dict[str, str], free: Sequence[str], no_times: Set[str], wide: bool
) -> dict[str, str]:
    """Return the roles that are given, and those that columns have by their names."""
    by_name: dict[str, str] = {}
    for column in free:
        by_name.setdefault(_plain(column), column)
    names = by_name.keys()
    has_value = "value" in roles or any(name in names for name in _USUAL_NAMES["value"])
    has_key = "key" in roles or any(name in names for name in _USUAL_NAMES["key"])
    is_long = not wide and has_value and has_key
    order = list(_USUAL_NAMES)
    if is_long:  # a column `name` is that of the metric then, if no other is
        order.sort(key=lambda role: role == "name")
    for role in order:
        if role in roles or (role in ("key", "value") and not is_long):
            continue
        for name in _USUAL_NAMES[role]:
            named = by_name.get(name)
            if named is None or named in roles.values():
                continue
            if role in _TIMES and named in no_times:
                continue  # such as seconds since the start
            roles[role] = named
            break
    if "run" not in roles and "name" in roles:
        roles["run"] = roles.pop("name")
    return roles


def _find_kind(
    column: str,
    cells: Sequence[Any],
    named: Mapping[str, str],
    found: TableMapping,
    metrics_are_named: bool,
) -> str | None:
    """Return whether a column is one of `params`, `tags` or `metrics`; None for none."""
    if column in named:
        return _KINDS[named[column]]
    if not column or column.startswith("Unnamed: ") or column in _COMPUTED:
        return None
    if prefixed := _PREFIX.fullmatch(column):
        kind = _PREFIX_KINDS[prefixed[1][0].lower()]
        return None if kind == "metrics" and found.is_long else kind
    if found.is_long:
        return None
    present = [cell for cell in cells if cell not in ABSENT]
    # A cell that is no number is told when it is read, and makes no column of texts.
    is_metric = 2 * sum(map(is_number, present)) >= len(present)
    if metrics_are_named:
        is_of_run = "step" not in found.roles and "timestamp" not in found.roles
        return "params" if is_of_run else None
    return "metrics" if is_metric else "params"


def _without_prefix(column: str) -> str:
    prefixed = _PREFIX.fullmatch(column)
    return prefixed[2] if prefixed else column


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
