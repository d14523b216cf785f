"""Which files an undo writes: a comparison of versions, made again after a crash."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from jidoka.core.putting_back import Step, Version, backwards, plan, touched

PATHS = ("a", "b", "c/d")
VERSIONS = st.one_of(st.none(), st.builds(Version, st.just("100644"), st.sampled_from("xyz")))
FOLDERS = st.fixed_dictionaries(dict.fromkeys(PATHS, VERSIONS))


def step(before: dict[str, Version | None], after: dict[str, Version | None]) -> Step:
    return {path: (before[path], after[path]) for path in PATHS if before[path] != after[path]}


@given(st.lists(FOLDERS, min_size=2, max_size=5))
def test_the_whole_chain_leads_back_to_where_it_began(states):
    steps = [step(one, other) for one, other in itertools.pairwise(states)]

    found = plan(backwards(steps), states[-1], {})

    assert found.changed == ()
    assert {**states[-1], **found.write} == states[0]


@given(FOLDERS, FOLDERS, st.sets(st.sampled_from(PATHS)))
def test_after_a_crash_the_same_plan_asks_for_what_is_left(before, after, done):
    steps = backwards([step(before, after)])
    half = {path: (before if path in done else after)[path] for path in PATHS}

    found = plan(steps, half, {})

    assert found.changed == ()
    assert {**half, **found.write} == before
    assert not set(found.write) & done


@given(st.lists(FOLDERS, min_size=2, max_size=4), FOLDERS)
def test_a_file_that_is_neither_as_it_begins_nor_as_it_ends_is_a_persons(states, now):
    steps = [step(one, other) for one, other in itertools.pairwise(states)]

    found = plan(steps, now, {})

    for path in touched(steps):
        ours = now[path] in (states[0][path], states[-1][path])
        assert (path in found.changed) <= (now[path] != states[-1][path])
        assert ours or path in found.changed


@given(FOLDERS, FOLDERS, FOLDERS, FOLDERS)
def test_what_a_person_changed_between_two_turns_is_a_persons(first, second, third, fourth):
    steps = [step(first, second), step(third, fourth)]

    found = plan(backwards(steps), {**first, **fourth}, {})

    between = {
        path
        for path in PATHS
        if second[path] != third[path] and path in steps[0] and path in steps[1]
    }
    assert between - {path for path in PATHS if fourth[path] == first[path]} <= set(found.changed)


def test_a_kept_version_overrules_the_end():
    mine, theirs = Version("100644", "x"), Version("100644", "y")

    found = plan([{"a": (None, theirs)}], {"a": None}, {"a": mine})

    assert found.write == {"a": mine}
