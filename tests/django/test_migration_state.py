"""Migrations of a backup beside those of the code, squashed ones and removed ones included."""

from __future__ import annotations

import pytest
from dr.django.applied import Code, compare

A, B, C = ("polls", "0001"), ("polls", "0002"), ("polls", "0003")
SQUASHED = ("polls", "0001_squashed_0002")


def test_the_code_on_disk_is_in_the_order_of_migrate() -> None:
    order = Code.on_disk().order
    assert order.index(("users", "0001_initial")) < order.index(("polls", "0002_relations"))
    assert order.index(("polls", "0002_relations")) < order.index(("polls", "0003_default_categories"))


def test_nothing_applied_means_everything_is_to_run() -> None:
    compared = compare([])
    assert compared.state == "behind"
    assert compared.to_run == Code.on_disk().order


@pytest.mark.parametrize(
    ("applied", "state", "to_run", "unknown"),
    [
        ({A, B, C}, "same", (), ()),
        ({A}, "behind", (B, C), ()),
        ({A, B, C, ("polls", "0004")}, "ahead", (), (("polls", "0004"),)),
        ({A, B, C, ("gone", "0001")}, "ahead", (), (("gone", "0001"),)),
        ({A, ("polls", "0002_other")}, "diverged", (B, C), (("polls", "0002_other"),)),
    ],
)
def test_the_situations(applied: set, state: str, to_run: tuple, unknown: tuple) -> None:
    compared = Code((A, B, C), files=frozenset({A, B, C})).compare(frozenset(applied))
    assert (compared.state, compared.to_run, compared.unknown) == (state, to_run, unknown)


@pytest.mark.parametrize(
    ("applied", "to_run"),
    [
        (set(), (SQUASHED, C)),
        ({A, B}, (C,)),
        ({SQUASHED}, (C,)),
        ({A, B, SQUASHED, C}, ()),
        # Django goes on with the parts where only some of them are applied.
        ({A}, (B, C)),
    ],
)
@pytest.mark.parametrize("parts_on_disk", [True, False])
def test_squashed_migrations_stand_for_their_parts(applied: set, to_run: tuple, parts_on_disk: bool) -> None:
    files = {SQUASHED, C} | ({A, B} if parts_on_disk else set())
    code = Code((SQUASHED, C), {SQUASHED: (A, B)}, frozenset(files))
    compared = code.compare(frozenset(applied))
    assert (compared.to_run, compared.unknown) == (to_run, ())


def test_a_squashed_migration_may_be_squashed_again() -> None:
    again = ("polls", "0001_squashed_0003")
    code = Code((again,), {SQUASHED: (A, B), again: (SQUASHED, C)}, frozenset({again, SQUASHED, C}))
    assert code.compare(frozenset({A, B, C})).state == "same"
    assert code.compare(frozenset({SQUASHED})).to_run == (C,)
    assert code.compare(frozenset()).to_run == (again,)
