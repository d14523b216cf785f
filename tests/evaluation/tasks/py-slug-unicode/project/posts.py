"""Addresses of posts: no two posts have the same."""

from slug import slug


def addresses(titles):
    seen = {}
    found = []
    for title in titles:
        name = slug(title)
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return found
