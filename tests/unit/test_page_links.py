"""What the pages point to is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub makes of a page's headings."""
    words = (
        re.sub(r"[^\w\- ]", "", heading.lower()) for heading in _HEADING.findall(page.read_text())
    )
    return {text.replace(" ", "-") for text in words}


def links(page: Path) -> Iterator[str]:
    """Yield a page's links to other files of the project."""
    yield from (link for link in _LINK.findall(page.read_text()) if "://" not in link)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_on_a_page_leads_somewhere(page: Path) -> None:
    for link in links(page):
        path, _, anchor = link.partition("#")
        there = page.parent / path if path else page
        assert there.exists(), link
        assert not anchor or anchor in anchors(there), link
