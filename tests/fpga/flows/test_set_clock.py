"""The clock of a routed design, written into its configuration."""

import json
import re

import pytest

from tests.support.late_config import config, sites
from volley.firmware import boards
from volley.fpga.errors import BuildError
from volley.fpga.flows import set_clock
from volley.fpga.target import late_clock, target, top


@pytest.fixture
def board_file(tmp_path):
    """ulx3s with a goal of its own."""
    path = tmp_path / "late.toml"
    text = (boards.FOLDER / "ulx3s.toml").read_text()
    text = re.sub(r"(?m)^(clock|goal)_hz = .*\n", "", text)
    path.write_text("clock_hz = 50_000_000\ngoal_hz = 62_500_000\n" + text)
    return str(path)


def told(text):
    """(clock_hz, divisor, {word of the PLL: value}) of a configuration, read line by line."""
    words, header = {}, ""
    for line in text.splitlines():
        if line.startswith("."):
            header = line
        elif line.startswith("word: "):
            _, name, bits = line.split()
            words[header, name] = bits
    values = []
    for port, bits in late_clock.BITS.items():
        value = 0
        for bit in range(bits):
            column, row, lut = re.fullmatch(
                r"X(\d+)/Y(\d+)/(.*)", sites()[late_clock.cell(port, bit)]
            ).groups()
            content = words[f".tile R{row}C{column}:PLC2", f"{lut}.INIT"]
            assert content in ("0" * 16, "1" * 16)
            value |= int(content[0]) << bit
        values.append(value)
    pll = {name: int(bits, 2) for (_, name), bits in words.items() if name.startswith("CLK")}
    return *values, pll


def test_clock_divisor_and_pll_are_those_of_the_board(board_file):
    for clock_hz in (50_000_000, 80_000_000, 69_375_000, 25_000_000):
        made = target.load(board_file, clock_hz=clock_hz)
        text = set_clock.with_clock(config(), made, sites())
        clock, divisor, pll = told(text)
        assert clock == made.board.clock_hz and divisor == made.board.divisor
        assert abs(clock / clock_hz - 1) < 0.005 and abs(clock / divisor / 115_200 - 1) < 0.02
        # Lattice FPGA-TN-02200: the output is the input / CLKI x CLKFB x CLKOP / CLKOS, each word 1 less
        up, down = (pll["CLKFB_DIV"] + 1) * (pll["CLKOP_DIV"] + 1), pll["CLKI_DIV"] + 1
        assert round(25e6 * up / down / (pll["CLKOS_DIV"] + 1)) == clock
        assert pll["CLKOS_CPHASE"] == pll["CLKOS_DIV"] and pll["CLKOP_CPHASE"] == pll["CLKOP_DIV"]
        # nothing else has changed, and a clock set over another is that clock
        names = re.compile(r"word: (CLK\w+|SLICE.\.K.\.INIT) \d+")
        assert names.sub("", text) == names.sub("", config())
        other = set_clock.with_clock(text, target.load(board_file, clock_hz=75_000_000), sites())
        assert other != text and set_clock.with_clock(other, made, sites()) == text


def test_a_lut_of_the_design_keeps_its_content(board_file):
    text = set_clock.with_clock(config(), target.load(board_file), sites())
    assert "word: SLICEA.K0.INIT 1000100011001100" in text


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("word: CLKOS_DIV", "word: CLKX_DIV", "no word CLKOS_DIV"),
        ("word: CLKOP_DIV", "word: CLKX_DIV", "0 PLLs in use"),
        (".tile_group A", ".tile_group B\nword: CLKOP_DIV 0011101\n.tile_group A", "2 PLLs in use"),
        ("word: CLKOS_DIV 0", "word: CLKOS_DIV 00", "has 8 bits and not 7"),
        ("word: SLICEB.K0.INIT", "word: SLICEB.INIT", "there is no word SLICE"),
    ],
)
def test_another_configuration_is_refused(board_file, old, new, message):
    with pytest.raises(ValueError, match=message):
        set_clock.with_clock(config().replace(old, new, 1), target.load(board_file), sites())


def test_places_come_from_the_routers_netlist(board_file, tmp_path):
    cells = {name: {"attributes": {"NEXTPNR_BEL": bel}} for name, bel in sites().items()}
    (tmp_path / "placed.json").write_text(json.dumps({"modules": {"top": {"cells": cells}}}))
    set_clock.note_sites(tmp_path)
    assert json.loads((tmp_path / "late.json").read_text()) == sites()
    assert not (tmp_path / "placed.json").exists()
    set_clock.note_sites(tmp_path)  # nothing new
    (tmp_path / "top.config").write_text(config())
    set_clock.set_clock(target.load(board_file), tmp_path / "top.config")
    assert told((tmp_path / "top.config").read_text())[0] == 50_000_000
    (tmp_path / "placed.json").write_text(json.dumps({"modules": {"top": {"cells": {}}}}))
    with pytest.raises(BuildError, match="does not say where cells are"):
        set_clock.note_sites(tmp_path)
    (tmp_path / "late.json").unlink()
    with pytest.raises(BuildError, match="build with --clean"):
        set_clock.set_clock(target.load(board_file), tmp_path / "top.config")


def test_the_netlist_is_that_of_the_goal(board_file):
    slow, fast = (target.load(board_file, clock_hz=each) for each in (50_000_000, 75_000_000))
    assert top.top_text(slow) == top.top_text(fast)
    assert "CLKOS_DIV(12)" in top.top_text(slow) and ".divisor(divisor)" in top.top_text(slow)
    assert slow.pll != fast.pll and slow.goal_mhz == fast.goal_mhz == 62.5
    assert target.load("orangecrab").goal is None


@pytest.mark.parametrize(
    ("name", "goal", "message"),
    [
        ("ulx3s", '"fast"', "goal_hz is 'fast', a positive whole number"),
        ("ulx3s", "999_000_000", "the PLL can not make 999 MHz"),
        ("tangnano20k", "81_000_000", "goal_hz is for flow 'trellis'"),
    ],
)
def test_a_goal_that_is_none(tmp_path, name, goal, message):
    path = tmp_path / "mine.toml"
    text = re.sub(r"(?m)^goal_hz = .*\n", "", (boards.FOLDER / f"{name}.toml").read_text())
    path.write_text(f"goal_hz = {goal}\n" + text)
    with pytest.raises(ValueError, match=re.escape(message)):
        target.load(str(path))
