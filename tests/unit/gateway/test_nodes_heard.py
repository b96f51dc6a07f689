"""A node is at work while its word goes on changing; nobody's clock but one's own is asked."""

from __future__ import annotations

from gateway.operations.nodes import CLEARED_AFTER_S, GONE_AFTER_S, Node, Nodes

ME = "me-1"


def test_one_that_was_just_met_is_believed_with_its_second_word() -> None:
    """What a crash left behind says nothing, however new it looks."""
    nodes, other = Nodes(ME), Nodes("other-2")
    nodes.heard({ME: nodes.word("a"), "other-2": other.word("a"), "left-3": "{}"}, 0.0)
    assert nodes.others(0.0) == ()
    nodes.heard({ME: nodes.word("a"), "other-2": other.word("b"), "left-3": "{}"}, 10.0)
    assert nodes.others(10.0) == (Node("other-2", "b"),)


def test_one_that_says_nothing_more_is_gone_and_later_cleared_away() -> None:
    """With the word that it was known by, so that one that comes back in that moment is not."""
    nodes, other = Nodes(ME), Nodes("other-2")
    nodes.heard({"other-2": other.word("a")}, 0.0)
    last = other.word("a")
    nodes.heard({"other-2": last}, 10.0)
    assert nodes.others(10.0 + GONE_AFTER_S - 1)
    assert nodes.others(10.0 + GONE_AFTER_S) == ()
    assert nodes.silent(10.0 + CLEARED_AFTER_S) == {}
    assert nodes.silent(11.0 + CLEARED_AFTER_S) == {"other-2": last}


def test_one_that_left_is_forgotten_at_once() -> None:
    """It took its word away."""
    nodes, other = Nodes(ME), Nodes("other-2")
    nodes.heard({"other-2": other.word("a")}, 0.0)
    nodes.heard({"other-2": other.word("a")}, 10.0)
    nodes.heard({}, 11.0)
    assert nodes.others(11.0) == ()


def test_a_word_that_is_no_word_of_ours_is_another_file() -> None:
    """Another version may say it otherwise."""
    nodes = Nodes(ME)
    nodes.heard({"other-2": "1"}, 0.0)
    nodes.heard({"other-2": "2"}, 1.0)
    assert nodes.others(1.0) == (Node("other-2", ""),)
