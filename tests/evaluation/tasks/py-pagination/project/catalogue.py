"""The articles of a shop, as its list page shows them."""

from pager import page_of


class Catalogue:
    def __init__(self, articles):
        self._articles = sorted(articles, key=str.casefold)

    def show(self, number, size=3):
        page = page_of(self._articles, number, size)
        foot = f"page {page.number} of {page.pages}"
        return "\n".join([*page.items, foot])
