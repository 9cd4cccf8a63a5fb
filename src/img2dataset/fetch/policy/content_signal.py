"""Content-Signal lines of robots.txt -> what the owner prefers about the training of models.

    Content-Signal: search=yes, ai-train=no

Pairs with commas between them; yes and no count, in any case.  https://contentsignals.org
"""

from __future__ import annotations

TRAINING = "ai-train"
ANSWERS = {"yes": True, "no": False}


def read_preference(line: str, signal: str = TRAINING) -> bool | None:
    """Return whether the use is allowed; None = the line leaves that open.  Of an answer that is
    given twice, no counts."""
    answers = set()
    for pair in line.split(","):
        name, _, answer = pair.partition("=")
        if name.strip().lower() == signal:
            answers.add(ANSWERS.get(answer.strip().lower()))
    answers.discard(None)
    return None if not answers else all(answers)
