"""Parses the text of a filter into a tree (S1 to S4)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedToken

from runstream.errors import InvalidArgument, shorten
from runstream.rules import INT64_MAX, INT64_MIN
from runstream_service.search.tree import (
    And,
    Condition,
    Filter,
    Key,
    Moment,
    Not,
    Or,
    OrderKey,
    Value,
)

FILTER_CHARACTERS = 20_000
CONDITIONS = 500
PATTERNS = 50
NESTING = 20  # a filter of 25 can be too much for the parser of SQLite

_GROUPS = {
    alias: group
    for group, aliases in {
        "metrics": ("metrics", "metric"),
        "minimum": ("minimum",),
        "maximum": ("maximum",),
        "params": ("params", "param", "parameters", "parameter"),
        "tags": ("tags", "tag"),
        "attributes": ("attributes", "attribute", "attr", "run"),
        "datasets": ("datasets", "dataset"),
    }.items()
    for alias in aliases
}
# Other names of attributes, which MLflow has too.
_ATTRIBUTES = {
    "created": "start_time",
    "Created": "start_time",
    "run name": "run_name",
    "Run name": "run_name",
    "Run Name": "run_name",
}
_OPERATORS = {"==": "=", "<>": "!="}

# The tokens of the parser, as errors name them.
_TOKEN_NAMES = {
    "KEY": "a key such as metrics.loss",
    "STRING": "a string in quotes",
    "NUMBER": "a number",
    "MOMENT": "a time such as 2026-11-01 or now - 7d",
    "COMPARISON": "= != < <= > >=",
    "_AND": "AND",
    "_OR": "OR",
    "_IN": "IN",
    "_BETWEEN": "BETWEEN",
    "_IS": "IS",
    "_NULL": "NULL",
    "LIKE": "LIKE",
    "_ESCAPE": "ESCAPE",
    "DIRECTION": "ASC or DESC",
    "LPAR": "(",
    "RPAR": ")",
    "COMMA": ",",
    "$END": "the end",
}


class ParseError(Exception):
    """The text of a filter or an order has something unexpected at a column."""

    def __init__(
        self, column: int, found: str, expected: str, *, hint: str = "", **particulars: str
    ) -> None:
        elsewhere = f"; {hint}" if hint else ""
        super().__init__(f"at column {column} there is {found}, expected is {expected}{elsewhere}")
        self.particulars = {"column": column, "found": found, "expected": expected, **particulars}
        if hint:
            self.particulars["hint"] = hint

    def to_invalid_argument(self, field: str, text: str) -> InvalidArgument:
        """Return the error for the caller: what is wrong with a parameter of this text (S4)."""
        return InvalidArgument(
            f"Invalid value {shorten(text)!r} for parameter '{field}' supplied: {self}",
            reason=f"{field.upper()}_MALFORMED",
            field=field,
            value=text,
            **self.particulars,
        )


def parse(text: str) -> Filter | None:
    """Return the tree of a filter; None for one that is empty.

    Raises:
        ParseError: it is not of the grammar, or is too long or too deep.
    """
    if len(text) > FILTER_CHARACTERS:
        raise ParseError(
            FILTER_CHARACTERS + 1, f"a filter of {len(text)}", f"at most {FILTER_CHARACTERS}"
        )
    if not text.strip():
        return None
    tree: Filter = _parse(text, "filter")
    _check_size(tree)
    return tree


def parse_order_key(text: str) -> OrderKey:
    """Return a key to order by, and its direction (S5).

    Raises:
        ParseError: it is not of the grammar, or is too long.
    """
    _check_key_length(text)
    key: OrderKey = _parse(text, "order")
    return key


def parse_key(text: str) -> Key:
    """Return a key alone, such as `params.lr`; raises as `parse_order_key`."""
    _check_key_length(text)
    key: Key = _parse(text, "key")
    return key


def _check_key_length(text: str) -> None:
    if len(text) > FILTER_CHARACTERS:
        raise ParseError(
            FILTER_CHARACTERS + 1, f"a key of {len(text)}", f"at most {FILTER_CHARACTERS}"
        )


def _parse(text: str, start: str) -> Any:
    try:
        return _parser().parse(text, start=start)
    except UnexpectedToken as error:
        at_end = error.token.type == "$END"
        column = len(text) + 1 if at_end else _column(error.token)
        found = "the end" if at_end else repr(str(error.token))
        raise ParseError(column, found, _expected(error.accepts or error.expected)) from None
    except UnexpectedCharacters as error:
        before = int(error.pos_in_stream or 0)
        # The error lists what may stand there in any filter, `accepts` what may stand in this one.
        parsing = _parser().parse_interactive(text[:before], start=start)
        parsing.exhaust_lexer()
        raise ParseError(before + 1, repr(error.char), _expected(parsing.accepts())) from None  # type: ignore[no-untyped-call]


def _parse_key(text: str, column: int) -> Key:
    """Return the key that a text such as `metrics.loss` or `start_time` names (S1)."""
    prefix, dot, name = text.partition(".")
    if not dot or text[0] == "`":
        prefix, name = "attributes", text
    group = _GROUPS.get(prefix.lower())
    if group is None:
        raise ParseError(
            column,
            repr(prefix),
            "metrics, minimum, maximum, params, tags, attributes or datasets before a dot",
        )
    if (quote := name[0]) in "`\"'":
        name = name[1:-1].replace(2 * quote, quote)
    return Key(group, _ATTRIBUTES.get(name, name) if group == "attributes" else name, column)


class _Builder(Transformer[Token, Filter]):
    """Builds the tree while the text is parsed."""

    def KEY(self, token: Token) -> Key:  # noqa: N802 # the name of the token
        return _parse_key(str(token), _column(token))

    def STRING(self, token: Token) -> tuple[Value, int]:  # noqa: N802
        quote = token[0]
        return str(token[1:-1]).replace(2 * quote, quote), _column(token)

    def NUMBER(self, token: Token) -> tuple[Value, int]:  # noqa: N802
        try:
            number = int(token)
        except ValueError:  # or it has more digits than Python reads
            return float(token), _column(token)
        fits = INT64_MIN <= number <= INT64_MAX
        return number if fits else float(token), _column(token)

    def MOMENT(self, token: Token) -> tuple[Value, int]:  # noqa: N802
        return Moment(str(token)), _column(token)

    def compared(self, parts: list[Any]) -> Condition:
        key, operator, operand = parts
        operator = str(operator).upper()
        return _condition(key, _OPERATORS.get(operator, operator), [operand])

    def liked(self, parts: list[Any]) -> Condition:
        key, operator, pattern, escape = parts
        return _pattern(key, str(operator).upper(), pattern, escape)

    def not_liked(self, parts: list[Any]) -> And:
        key, _, operator, pattern, escape = parts
        return _present_and_not(key, _pattern(key, str(operator).upper(), pattern, escape))

    def contained(self, parts: list[Any]) -> Condition:
        key, *operands = parts
        return _condition(key, "IN", operands)

    def not_contained(self, parts: list[Any]) -> And:
        key, _, *operands = parts
        return _present_and_not(key, _condition(key, "IN", operands))

    def between(self, parts: list[Any]) -> Condition:
        key, *ends = parts
        return _condition(key, "BETWEEN", ends)

    def not_between(self, parts: list[Any]) -> And:
        key, _, *ends = parts
        return _present_and_not(key, _condition(key, "BETWEEN", ends))

    def missing(self, parts: list[Any]) -> Not:
        return Not(_condition(parts[0], "EXISTS", []))

    def present(self, parts: list[Any]) -> Condition:
        return _condition(parts[0], "EXISTS", [])

    def negated(self, parts: list[Any]) -> Not:
        return Not(parts[-1])

    def order(self, parts: list[Any]) -> OrderKey:
        key, direction = parts
        return OrderKey(key, (direction or "").lower() == "desc")

    def key(self, parts: list[Any]) -> Key:
        (key,) = parts
        return key  # type: ignore[no-any-return]

    def conjunction(self, parts: list[Any]) -> And:
        return And(parts)

    def disjunction(self, parts: list[Any]) -> Or:
        return Or(parts)


@cache
def _parser() -> Lark:
    grammar = Path(__file__).with_name("filter.lark").read_text()
    return Lark(grammar, parser="lalr", start=["filter", "order", "key"], transformer=_Builder())


def _condition(key: Key, operator: str, operands: list[tuple[Value, int]]) -> Condition:
    return Condition(
        key, operator, [value for value, _ in operands], [column for _, column in operands]
    )


def _pattern(
    key: Key, operator: str, pattern: tuple[Value, int], escape: tuple[Value, int] | None
) -> Condition:
    condition = _condition(key, operator, [pattern])
    if escape is None:
        return condition
    character, column = escape
    if operator == "RLIKE":
        raise ParseError(column, "ESCAPE", "LIKE or ILIKE before it")
    if len(str(character)) != 1:
        raise ParseError(column, repr(character), "one character")
    return replace(condition, escape=str(character))


def _present_and_not(key: Key, condition: Condition) -> And:
    """Return `key NOT ...`, which needs the key to be there, as `!=` does (S2)."""
    return And([_condition(key, "EXISTS", []), Not(condition)])


def _column(token: Token) -> int:
    return int(token.start_pos or 0) + 1


def _expected(tokens: Iterable[str]) -> str:
    return " or ".join(sorted({_TOKEN_NAMES.get(token, token) for token in tokens}))


def _check_size(tree: Filter) -> None:
    conditions, patterns, level, depth = 0, 0, [tree], 0
    while level:
        depth += 1
        inner: list[Filter] = []
        for node in level:
            if isinstance(node, Condition):
                conditions += 1
                patterns += node.operator in ("LIKE", "ILIKE", "RLIKE")
            else:
                inner += [node.part] if isinstance(node, Not) else node.parts
        level = inner
        if depth > NESTING:
            raise ParseError(1, f"a filter nested more than {NESTING} deep", f"at most {NESTING}")
    if conditions > CONDITIONS:
        raise ParseError(1, f"a filter of {conditions} conditions", f"at most {CONDITIONS}")
    if patterns > PATTERNS:
        raise ParseError(1, f"a filter of {patterns} patterns", f"at most {PATTERNS}")
