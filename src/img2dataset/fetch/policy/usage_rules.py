"""Content-Usage and Content-Signal lines of a robots.txt group -> whether a URL may be trained on.

    Content-Usage: /photos/ train-ai=n
    Content-Signal: search=yes, ai-train=no

Each may begin with a path.  Of the lines of a kind that speak of training, those with the longest
path that fits count, and among them a no (draft-ietf-aipref-attach, 3.1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from img2dataset.fetch.policy import content_signal, content_usage
from img2dataset.fetch.policy.path_rules import fits, most_specific, normalize_escapes, path_of

MAX_RULES = 1000
"""Of one group: each is looked at for each URL.  A file with more is taken as a no."""

READERS: dict[str, Callable[[str], bool | None]] = {
    "content-usage": content_usage.read_preference,
    "content-signal": content_signal.read_preference,
}
"""Kind of line -> whether it allows training."""


@dataclass(frozen=True, slots=True)
class UsageRule:
    """A line."""

    kind: str
    pattern: str
    text: str
    """The line without its path."""
    training: bool | None
    """Whether training is allowed; None = it does not say."""


@dataclass(frozen=True, slots=True)
class UsageRules:
    """The lines for us, in their order."""

    rules: tuple[UsageRule, ...] = ()

    @property
    def size(self) -> int:
        """Characters that are kept."""
        return sum(len(rule.pattern) + len(rule.text) for rule in self.rules)

    def forbid_training(self, url: str, kinds: Iterable[str] = READERS) -> bool:
        """Whether lines of these kinds forbid to train on a URL of this origin."""
        if not self.rules:
            return False
        path = path_of(url)
        return any(False in most_specific(self._patterns(kind), path) for kind in kinds)

    def _patterns(self, kind: str) -> list[tuple[str, bool]]:
        return [
            (rule.pattern, rule.training)
            for rule in self.rules
            if rule.kind == kind and rule.training is not None
        ]

    def signals(self, url: str) -> tuple[tuple[str, str], ...]:
        """Return the signals for the URL: (kind, text)."""
        path = path_of(url) if self.rules else ""
        return tuple((rule.kind, rule.text) for rule in self.rules if fits(rule.pattern, path))


NO_RULES = UsageRules()


def parse_usage_rules(lines: list[tuple[str, bytes]]) -> UsageRules:
    """The rules in lines of the kinds of READERS."""
    if len(lines) > MAX_RULES:
        return UsageRules((UsageRule("content-usage", "/", "train-ai=n", training=False),))
    return UsageRules(tuple(_rule(kind, value.decode("latin-1")) for kind, value in lines))


def _rule(kind: str, value: str) -> UsageRule:
    pattern, text = "/", value
    if value.startswith("/"):
        pattern, text = [*value.split(None, 1), ""][:2]
    # bytes beyond ASCII stand for themselves in a path
    path = normalize_escapes(pattern.encode("latin-1").decode("utf-8", "surrogateescape"))
    return UsageRule(kind, path, text, READERS[kind](text))
