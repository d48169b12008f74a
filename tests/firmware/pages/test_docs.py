"""The generated pages of docs/ are those of the sources."""

import pytest

from volley.firmware.pages import docs


@pytest.mark.parametrize("name", docs.PAGES)
def test_page_is_current(name):
    found = (docs.FOLDER / name).read_text()
    assert found == docs.PAGES[name](), (
        f"docs/{name} is out of date: run python -m volley.firmware.pages.docs"
    )
