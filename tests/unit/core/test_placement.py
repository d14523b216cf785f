"""A worker goes only where the session's folder surely is."""

from __future__ import annotations

from jidoka.core.placement import LEASE_MARGIN_S, Former, HostLoad, place

HERE = HostLoad("h1", 3, 10, machine="m1")
NEAR = HostLoad("h2", 1, 10, machine="m1")
FAR = HostLoad("h3", 0, 10, machine="m2")
FAR_SHARING = HostLoad("h4", 5, 10, machine="m2", shared_folders=("/srv",), lease_s=10.0)
PROJECT = "/srv/p"
LOCAL = Former("h1", "m1")
SHARED = Former("h1", "m1", lease_s=10.0, silent_s=10.0 + LEASE_MARGIN_S)


def test_the_former_host_wins_while_it_has_room():
    assert place([HERE, NEAR, FAR], PROJECT, LOCAL) == "h1"


def test_another_host_of_its_machine_is_next():
    assert place([NEAR, FAR], PROJECT, LOCAL) == "h2"


def test_another_machine_has_another_folder_of_that_name():
    assert place([FAR, FAR_SHARING], PROJECT, LOCAL) is None


def test_a_shared_folder_moves_once_the_lease_is_surely_over():
    still_held = Former("h1", "m1", lease_s=10.0, silent_s=10.0)

    assert place([FAR, FAR_SHARING], PROJECT, still_held) is None
    assert still_held.left_s == LEASE_MARGIN_S
    assert place([FAR, FAR_SHARING], PROJECT, SHARED) == "h4"


def test_a_new_session_goes_where_its_folder_is_shared_or_else_anywhere():
    assert place([FAR, FAR_SHARING], PROJECT) == "h4"
    assert place([HERE, FAR], PROJECT) == "h3"


def test_a_folder_with_a_longer_name_is_not_beneath():
    assert not FAR_SHARING.shares("/srv2/p")
    assert FAR_SHARING.lease_on("/srv2/p") is None
    assert FAR_SHARING.lease_on("/srv") == 10.0


def test_what_was_given_to_a_host_of_an_older_build_waits_for_it():
    assert place([NEAR, FAR_SHARING], PROJECT, Former("h1")) is None


def test_a_host_without_room_is_none():
    assert place([HostLoad("h1", 10, 10, machine="m1")], PROJECT, LOCAL) is None
