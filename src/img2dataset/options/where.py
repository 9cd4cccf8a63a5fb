"""The text of `where` -> a condition on rows: the comparisons of SQL, joined by AND, OR and NOT."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

Value = str | int | float | bool | None
COMPARISONS = ("<=", ">=", "<>", "!=", "==", "=", "<", ">")
TOKEN = re.compile(
    r"\s*(?:(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))"
    r"|'(?P<text>(?:[^']|'')*)'"
    r"|\"(?P<quoted>[^\"]+)\"|`(?P<ticked>[^`]+)`"
    r"|(?P<word>[^\W\d][\w.]*(?:\[\*\][\w.]*)*)"
    r"|(?P<sign><=|>=|<>|!=|==|=|<|>|\(|\)|,))",
)
KEYWORDS = frozenset(("AND", "OR", "NOT", "IS", "NULL", "IN", "LIKE", "BETWEEN", "TRUE", "FALSE"))


@dataclass(frozen=True, slots=True)
class Name:
    """A column."""

    name: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that is written in the condition."""

    value: Value


Operand = Name | Literal


@dataclass(frozen=True, slots=True)
class Compare:
    """A comparison; the sign is one of = != < <= > >=."""

    sign: str
    left: Operand
    right: Operand


@dataclass(frozen=True, slots=True)
class IsNull:
    """Whether there is no value."""

    operand: Operand


@dataclass(frozen=True, slots=True)
class Like:
    """Whether a text has a pattern, in which % is any text and _ any letter."""

    operand: Operand
    pattern: str


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite; of what is unknown, because a value is null, it is unknown too."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class And:
    """Both."""

    left: Condition
    right: Condition


@dataclass(frozen=True, slots=True)
class Or:
    """One of two."""

    left: Condition
    right: Condition


Condition = Compare | IsNull | Like | Not | And | Or


class ConditionError(ValueError):
    """The text is no condition; says where and why."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word, sign or value of the text."""

    kind: str
    text: str
    position: int


def parse_condition(text: str) -> Condition:
    """Parse the whole text.

    Raises:
        ConditionError: it is no condition.
    """
    return Parser(text).parse()


def list_names(condition: Condition) -> list[str]:
    """List the columns of a condition, each once."""
    return list(dict.fromkeys(find_names(condition)))


def find_names(condition: Condition | Operand) -> Iterator[str]:
    match condition:
        case Name(name):
            yield name
        case Compare(_, left, right) | And(left, right) | Or(left, right):
            yield from find_names(left)
            yield from find_names(right)
        case IsNull(operand) | Like(operand, _):
            yield from find_names(operand)
        case Not(inner):
            yield from find_names(inner)
        case Literal():
            pass


def split_tokens(text: str) -> Iterator[Token]:
    position = 0
    while text[position:].strip():
        found = TOKEN.match(text, position)
        if found is None or found.lastgroup is None:
            raise ConditionError(f"{text[position:].strip()[:20]!r} is not understood")
        kind, value = found.lastgroup, found[found.lastgroup]
        if kind == "word" and value.upper() in KEYWORDS:
            kind, value = "keyword", value.upper()
        yield Token(kind, value, found.start(found.lastgroup))
        position = found.end()


class Parser:
    """Read a condition from left to right; OR binds less than AND, and that less than NOT."""

    def __init__(self, text: str) -> None:
        self._tokens = [*split_tokens(text), Token("end", "", len(text))]
        self._at = 0

    def parse(self) -> Condition:
        condition = self._either()
        if self._next.kind != "end":
            raise ConditionError(f"AND or OR is expected before {self._next.text!r}")
        return condition

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self, *texts: str) -> str | None:
        """Take the next token if it is one of these keywords or signs."""
        token = self._next
        if token.kind not in ("keyword", "sign") or token.text not in texts:
            return None
        self._at += 1
        return token.text

    def _need(self, text: str) -> None:
        if self._take(text) is None:
            raise ConditionError(f"{text} is expected {self._place()}")

    def _place(self) -> str:
        return f"before {self._next.text!r}" if self._next.kind != "end" else "at the end"

    def _either(self) -> Condition:
        condition = self._both()
        while self._take("OR"):
            condition = Or(condition, self._both())
        return condition

    def _both(self) -> Condition:
        condition = self._one()
        while self._take("AND"):
            condition = And(condition, self._one())
        return condition

    def _one(self) -> Condition:
        if self._take("NOT"):
            return Not(self._one())
        if self._take("("):
            condition = self._either()
            self._need(")")
            return condition
        return self._comparison(self._operand())

    def _comparison(self, left: Operand) -> Condition:
        if self._take("IS"):
            negated = self._take("NOT")
            self._need("NULL")
            return Not(IsNull(left)) if negated else IsNull(left)
        negated = self._take("NOT")
        condition = self._between(left) or self._in(left) or self._like(left)
        if condition is not None:
            return Not(condition) if negated else condition
        sign = None if negated else self._take(*COMPARISONS)
        if sign is None:
            raise ConditionError(f"a comparison such as > is expected {self._place()}")
        right = self._operand()
        if Literal(None) in (left, right):
            raise ConditionError(f"{sign} NULL is true of no row: write IS NULL, or IS NOT NULL")
        return Compare({"<>": "!=", "==": "="}.get(sign, sign), left, right)

    def _between(self, left: Operand) -> Condition | None:
        if not self._take("BETWEEN"):
            return None
        low = self._operand()
        self._need("AND")
        return And(Compare(">=", left, low), Compare("<=", left, self._operand()))

    def _in(self, left: Operand) -> Condition | None:
        if not self._take("IN"):
            return None
        self._need("(")
        condition: Condition = Compare("=", left, self._operand())
        while self._take(","):
            condition = Or(condition, Compare("=", left, self._operand()))
        self._need(")")
        return condition

    def _like(self, left: Operand) -> Condition | None:
        if not self._take("LIKE"):
            return None
        if self._next.kind != "text":
            raise ConditionError(f"a text in single quotes is expected {self._place()}")
        pattern = self._operand()
        return Like(left, str(pattern.value)) if isinstance(pattern, Literal) else None

    def _operand(self) -> Operand:
        token = self._next
        is_value = token.kind != "keyword" or token.text in ("TRUE", "FALSE", "NULL")
        if token.kind in ("sign", "end") or not is_value:
            raise ConditionError(f"a column or a value is expected {self._place()}")
        self._at += 1
        match token.kind:
            case "number":
                whole = re.fullmatch(r"[+-]?\d+", token.text)
                return Literal(int(token.text) if whole else float(token.text))
            case "text":
                return Literal(token.text.replace("''", "'"))
            case "keyword":
                return Literal({"TRUE": True, "FALSE": False, "NULL": None}[token.text])
            case _:
                return Name(token.text)
