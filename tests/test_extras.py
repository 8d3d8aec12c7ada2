"""What an extra would bring, where it is not installed."""

from __future__ import annotations

from importlib import import_module

import pytest

from edge_agent.errors import ConfigurationError
from edge_agent.extras import needed_by


def test_a_missing_package_is_named_with_its_extra() -> None:
    with pytest.raises(ConfigurationError) as told, needed_by("a game of chess", extra="chess"):
        raise ModuleNotFoundError("No module named 'chessboard.pieces'", name="chessboard.pieces")

    assert str(told.value) == (
        "a game of chess needs the package chessboard — pip install 'casino-edge-agent[chess]'"
    )


def test_a_missing_module_of_our_own_is_no_extra() -> None:
    with pytest.raises(ModuleNotFoundError), needed_by("this test", extra="chess"):
        import_module("edge_agent.nowhere")
