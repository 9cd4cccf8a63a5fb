"""Whose text is whose in a README.md."""

from __future__ import annotations

from img2dataset.publishing.marks import (
    CardText,
    has_block,
    has_front_block,
    make_readme,
    renew,
)

TEXT = CardText('license: "other"', "configs: []", "# old")
NEWER = CardText('license: "mine"', "configs: [1]", "# new \\1")


def test_the_blocks_are_renewed_and_everything_else_stays() -> None:
    readme = make_readme(TEXT).replace("other", "cc-by-4.0")
    readme = readme.replace("---\n\n", "---\nMy words.\n", 1)
    written = f"{readme}\nMore: # old\n"

    renewed = renew(written, NEWER)

    assert 'license: "cc-by-4.0"' in renewed
    assert "configs: [1]" in renewed
    assert "configs: []" not in renewed
    assert "My words." in renewed
    assert "\n# new \\1\n" in renewed
    assert renewed.endswith("More: # old\n")
    assert renew(renewed, NEWER) == renewed


def test_a_readme_without_marks_is_nobody_elses() -> None:
    assert not has_block("# A person's page\n")
    assert has_block(make_readme(TEXT))


def test_a_front_matter_without_marks_stays_and_none_at_all_is_made() -> None:
    block = make_readme(TEXT).split("---\n", 2)[2]
    own = f"---\nlicense: mit\n---\n{block}"

    assert not has_front_block(own)
    assert renew(own, NEWER).startswith("---\nlicense: mit\n---\n")
    assert has_front_block(block)
    assert renew(block, NEWER).startswith('---\nlicense: "mine"\n')


def test_lines_of_windows_are_lines() -> None:
    readme = make_readme(TEXT).replace("\n", "\r\n")

    assert has_front_block(readme)
    assert "# new" in renew(readme, NEWER)
    assert "configs: [1]" in renew(readme, NEWER)
