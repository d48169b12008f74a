"""The bench of accuracy beside speed: rows by ticks, published points, a plot."""

import dataclasses

import pytest

from volley.firmware import boards, modelfile


def test_published_points(bench):
    tick_ladder = bench("tick_ladder")
    found = {label: (share, rate) for label, share, rate in tick_ladder.others()}
    assert found["FINN CNV-W1A1, Arty A7-100T"] == (84.5, 659)
    assert found["fpgaConvNet, XC7Z020"] == (86.0, 2431)
    assert all("FracBNN" not in label for label in found)  # published without a speed


def test_row_and_plot(bench, tmp_path):
    """Fewer ticks take fewer cycles with pack; the plot is a PNG."""
    tick_ladder = bench("tick_ladder")
    board = boards.load("litefury")
    model = modelfile.load(tick_ladder.PRETRAINED / "cifar10.safetensors")
    row = tick_ladder.measure(model, 0.85, board, {})
    assert row[:4] == ["cifar10", 8, 0.85, "litefury"]
    assert row[5] == pytest.approx(board.clock_hz / row[4])
    assert row[6] <= row[5] * (1 + 1e-9)
    fewer = tick_ladder.measure(dataclasses.replace(model, ticks=4), 0.8, board, {})
    assert fewer[4] < 0.6 * row[4]
    tick_ladder.draw([row, fewer], tmp_path / "p.png")
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
