"""Liberty files: power tables at a slew and a load, functions as expressions, files that are none."""

import itertools

import pytest

from bench.power.liberty import LibertyError, expression, read
from tests.support.tiny_liberty import TEXT


@pytest.fixture
def library(tmp_path):
    (tmp_path / "tiny.lib").write_text(TEXT)
    return read(tmp_path / "tiny.lib", slew=0.1e-9, load=5e-15)


def test_units_and_pins(library):
    cell = library.cells["AND2"]
    assert library.volts == 2.0 and cell.leakage == pytest.approx(2e-9)
    assert [pin.name for pin in cell.inputs] == ["A", "B"]
    assert cell.pins["B"].capacitance == pytest.approx(20e-15)
    flip_flop = library.cells["DFF"]
    assert (flip_flop.state, flip_flop.next_state, flip_flop.clocked_on) == ("IQ", "D", "CLK")


def test_a_table_is_read_between_its_points(library):
    """Load 5 of 20 fF and slew 0.1 of 0.2 ns: 0.05 + 0.1 pJ."""
    first, second = library.cells["AND2"].pins["Y"].power
    assert first.rise == pytest.approx(0.15e-12) and first.related == "A"
    assert second.rise == second.fall == second.toggle == pytest.approx(0.6e-12)
    assert library.cells["INV"].pins["Y"].power[0].toggle == pytest.approx(0.2e-12)


@pytest.mark.parametrize(
    ("text", "function"),
    [
        ("(!(A B))", lambda a, b, c: not (a and b)),
        ("A+B C", lambda a, b, c: a or (b and c)),
        ("A^B*C", lambda a, b, c: (a != b) and c),
        ("(A' B) + (A*C')", lambda a, b, c: (not a and b) or (a and not c)),
        ("!A & (B | C)'", lambda a, b, c: not a and not (b or c)),
        ("!((A1*A2)+B1)", lambda a, b, c: not ((a and b) or c)),
    ],
)
def test_functions(text, function):
    """NOT, then XOR, then AND, also by juxtaposition, then OR."""
    for bits in itertools.product([0, 1], repeat=3):
        names = dict(zip("ABC", map(str, bits))) | dict(zip(("A1", "A2", "B1"), map(str, bits)))
        assert eval(expression(text, names)) & 1 == int(function(*bits)), bits


@pytest.mark.parametrize(
    "text", ["", "library (x) {", "library (x) { cell ( }", "hello", TEXT[:-9]]
)
def test_what_is_no_library_is_refused_by_name(tmp_path, text):
    path = tmp_path / "broken.lib"
    path.write_text(text)
    with pytest.raises(LibertyError, match=r"broken\.lib"):
        read(path)


def test_a_function_of_an_unknown_pin_is_refused():
    with pytest.raises(LibertyError, match="A Z"):
        expression("A Z", {"A": "a"})
