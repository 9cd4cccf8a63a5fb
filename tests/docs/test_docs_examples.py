"""The reading and the carrying out of worked examples; each section of a page has its own test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs_examples import Change, Tree, changes_in, section, stated_count

SHOWN = """\
It touches **2 files**.

New file `a.py`:

```python
one = 1
```

Then, which is no change:

```bash
make
```

In `b.py`, after `two = 2`:

```python
    three = 3
```
"""


def test_the_changes_of_a_section_are_read_in_their_order() -> None:
    assert changes_in(SHOWN) == [
        Change("a.py", "new", "", "one = 1\n"),
        Change("b.py", "after", "two = 2", "    three = 3\n"),
    ]
    assert stated_count(SHOWN) == 2


def test_a_section_ends_where_the_next_one_begins() -> None:
    assert section("# Page\n\n## One\n\n1\n\n## Two\n\n2\n", "One").strip() == "1"


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("after", "a\n  b\nNEW\nc\n"),
        ("before", "a\nNEW\n  b\nc\n"),
        ("instead of", "a\nNEW\nc\n"),
        ("end", "a\n  b\nc\nNEW\n"),
    ],
)
def test_an_edit_stands_where_it_says(how: str, expected: str) -> None:
    assert Change("x", how, "b", "NEW\n").applied_to("a\n  b\nc\n") == expected


@pytest.mark.parametrize("content", ["a\n", "b\nb\n"])
def test_an_edit_whose_line_does_not_stand_there_once_is_an_error(content: str) -> None:
    with pytest.raises(ValueError, match="lines are 'b', not 1"):
        Change("x", "after", "b", "NEW\n").applied_to(content)


@pytest.mark.slow
def test_a_copy_of_the_tree_runs_its_own_code(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    tree.apply([Change("src/img2dataset/version.py", "end", "", 'OWN = "yes"\n')])

    said = tree.run("-c", "from img2dataset.version import OWN; print(OWN)")
    assert said == "yes\n"
