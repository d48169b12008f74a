"""The table of levers: what each saves, and that none of them takes other cycles."""

from types import SimpleNamespace

import numpy as np
import pytest

from bench.power import flow, levers
from bench.power.energy import KINDS

PES, CYCLES = 10, np.array([30, 70], np.uint64)


def measured(joules, clock, cycles=CYCLES):
    """Energies of two layers, one block: ``clock`` of ``joules`` are the clock's, the rest the memories'."""
    table = np.zeros((2, 1, len(KINDS)))
    table[1, 0, KINDS.index("clock")] = clock
    table[0, 0, KINDS.index("memory")] = joules - clock
    return SimpleNamespace(table=table, blocks=["trees"], run=SimpleNamespace(cycles=cycles))


def job():
    return SimpleNamespace(program=SimpleNamespace(design=SimpleNamespace(pes=PES)))


@pytest.fixture
def energy(bench):
    """bench/energy.py."""
    return bench("energy")


def rows(energy, found):
    """The cells of the tables' rows."""
    lines = [line for line in energy.lever_table(job(), found) if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if row[0] not in ("---", "lever", "block")]


def test_each_lever_has_its_share(energy):
    found = rows(energy, [measured(1e-6, 6e-7), measured(7e-7, 3e-7), measured(4e-7, 1e-7)])
    *found, clock, memory = found
    assert clock == ["trees", "0.60", "0.30", "0.10"] and memory == [
        "trees",
        "0.40",
        "0.40",
        "0.30",
    ]
    assert [row[0] for row in found] == ["none", *(lever.name for lever in levers.LEVERS[:2])]
    assert [row[1:4] for row in found] == [
        ["1.00", "0.00", "0.0%"], ["0.70", "0.30", "30.0%"], ["0.40", "0.30", "30.0%"]
    ]  # fmt: skip
    assert [row[4:6] for row in found] == [["0.60", "0.40"], ["0.30", "0.40"], ["0.10", "0.30"]]
    # 2 operations x 10 elements x 100 cycles
    assert [row[6] for row in found] == ["0.002", "0.003", "0.005"]
    assert [row[7] for row in found] == ["1.00", "1.43", "2.50"]


def test_a_lever_that_takes_other_cycles_is_none(energy):
    with pytest.raises(flow.FlowError, match="gate=1 takes other cycles"):
        energy.lever_table(
            job(), [measured(1, 0), measured(1, 0), measured(1, 0, CYCLES + np.uint64(1))]
        )


def test_what_each_step_starts_from():
    assert [levers.variant(n) for n in range(6)] == ["plain", "gated", *["option"] * 4]
    assert [levers.simulated(n) for n in range(6)] == [0, 1, 2, 3, 4, 4]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--pictures", "65"], "--pictures 65: 1 to 64"),
        (["--every", "0"], "--every 0: 1 or more"),
        (["--levers", "6"], "invalid choice: 6"),
    ],
)
def test_mistakes_on_the_command_line(energy, capsys, words, message):
    with pytest.raises(SystemExit) as stop:
        energy.main(words)
    assert stop.value.code == 2 and message in capsys.readouterr().err


def test_a_library_without_cells_is_told_in_a_line(energy, capsys, tmp_path):
    library = tmp_path / "no.lib"
    library.write_text("library (x) { }")
    assert energy.main(["--liberty", str(library)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
