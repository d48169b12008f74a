"""fpga/explore.py: the cost model against made-up and recorded runs, and the search."""

import dataclasses

import pytest

from volley.firmware import boards, modelfile
from volley.firmware.compiler.program import compile_model
from volley.firmware.design import Design
from volley.fpga import cost_model, cost_runs, explore
from volley.fpga.target.model_fit import SHIPPED

SIZES = [(8, 1), (8, 4), (16, 2), (32, 1), (32, 4), (64, 2)]


def made_up_runs(family="ecp5", sizes=SIZES):
    """Runs whose costs are exactly what the model can say."""
    runs = []
    for ci, co in sizes:
        design = Design(ci=ci, co=co, spike_words=512, weight_words=512, param_words=256)
        used = {"lut": 3000 + 100 * ci + 2000 * co + 180 * ci * co, "ff": 900 + 150 * ci * co}
        used |= {"dsp": 10 * co, "bram": cost_model.block_rams(design, family)}
        runs.append(cost_model.Run(family, design, used))
    return runs


def test_the_model_finds_costs_that_are_sums():
    runs = made_up_runs()
    costs = cost_model.fit(runs, "ecp5")
    design = Design(ci=64, co=8, spike_words=512, weight_words=512, param_words=256)
    wanted = {"lut": 3000 + 6400 + 16000 + 180 * 512, "ff": 900 + 150 * 512, "dsp": 80}
    found = costs.predict(design)
    for name, value in wanted.items():
        assert found[name] == pytest.approx(value, rel=1e-6)
    for errors in cost_model.left_out_errors(runs, "ecp5").values():
        assert max(map(abs, errors)) < 1e-6


def test_a_run_that_is_off_shows_in_the_error_of_leaving_it_out():
    runs = made_up_runs()
    runs[2].used["lut"] *= 1.3
    errors = cost_model.left_out_errors(runs, "ecp5")["lut"]
    assert min(errors) == errors[2] and -0.25 < errors[2] < -0.2


def test_no_cost_is_negative():
    runs = made_up_runs()
    for run in runs:  # costs that fall with the input channels
        run.used["ff"] = 5000 - 40 * run.design.ci + 100 * run.design.co
    weights = cost_model.fit(runs, "ecp5").weights["ff"]
    assert (weights >= 0).all() and weights.max() > 0


def test_block_rams_by_hand():
    design = Design(ci=8, co=4, spike_words=512, weight_words=1600, param_words=32, layers=16)
    # nine banks of 1536 x 32 and a rest in LUT RAM, 3 x 2 spike columns of 32 bits, program,
    # descriptors, two rings of the link; the parameters are small enough for LUTs
    assert cost_model.block_rams(design, "gowin") == 9 * 3 + 3 * 2 + 1 + 1 + 2
    wide = dataclasses.replace(design, param_words=128)
    assert cost_model.block_rams(wide, "gowin") == 9 * 3 + 3 * 2 + 3 * 4 + 1 + 1 + 2


def test_runs_are_written_and_read_again(tmp_path):
    runs = made_up_runs() + made_up_runs("xc7")
    path = tmp_path / "runs.csv"
    cost_runs.write_runs(runs, path)
    again = cost_model.read_runs(path)
    assert sorted(map(repr, again)) == sorted(
        repr(dataclasses.replace(run, used={k: float(run.used[k]) for k in again[0].used}))
        for run in runs
    )
    newer = dataclasses.replace(runs[0], used={**runs[0].used, "lut": 1.0})
    assert [run.used["lut"] for run in cost_runs.add(again, newer)].count(1.0) == 1
    assert len(cost_runs.add(again, newer)) == len(runs)


def test_broken_runs_are_named(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_text("family,ci\necp5,8\n")
    with pytest.raises(cost_model.CostError, match="no column 'co'"):
        cost_model.read_runs(path)
    cost_runs.write_runs(made_up_runs(), path)
    path.write_text(path.read_text().replace("ecp5,16", "ecp5,15"))
    with pytest.raises(cost_model.CostError, match="line .: ci is 15, allowed"):
        cost_model.read_runs(path)
    with pytest.raises(cost_model.CostError, match="2 synthesis runs of ecp5, at least 5"):
        cost_model.fit(made_up_runs()[:2], "ecp5")


def test_depths_are_the_smallest_that_hold_the_model():
    model = modelfile.load(str(SHIPPED))
    design = explore.depths_for(model, Design(ci=32, co=4))
    assert compile_model(model, design, explain=False)
    for name in ("spike_words", "weight_words", "param_words"):
        smaller = dataclasses.replace(design, **{name: getattr(design, name) - explore.STEP})
        assert explore.holds(model, smaller) is None


def test_the_search_prefers_what_fits_and_then_what_is_fast(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(explore, "CHANNELS", (8, 32))
    monkeypatch.setattr(cost_model, "RUNS", tmp_path / "runs.csv")
    monkeypatch.setattr(explore.cost_model, "read_runs", lambda: made_up_runs())
    board = boards.load("ulx3s")
    model = modelfile.load(str(SHIPPED))
    points = explore.search(
        board, model, cost_model.fit(made_up_runs(), "ecp5"), board.clock_hz, 0.85
    )
    fitting = [point for point in points if not point.over]
    assert fitting and len(fitting) < len(points) and points[: len(fitting)] == fitting
    assert [point.rate for point in fitting] == sorted((p.rate for p in fitting), reverse=True)
    for point in points:
        assert point.rate == board.clock_hz / point.cycles
        assert ("lut" in point.over) == (point.used["lut"] > 0.85 * 83_640)
    path = tmp_path / "explore.png"
    assert explore.main(["--board", "ulx3s", "--png", str(path)]) == 0
    out = capsys.readouterr().out
    best = fitting[0].design
    assert f"--target ulx3s --set ci={best.ci},co={best.co},spike_words={best.spike_words}" in out
    assert "error of a run left out" in out and path.read_bytes().startswith(b"\x89PNG")
    assert explore.main(["--board", "ulx3s", "--png", str(path), "--fill", "1"]) == 4
    assert "no design that holds model 'mnist' fits ulx3s: LUT" in capsys.readouterr().err


@pytest.mark.parametrize("board", ["ulx3s", "arty", "arty100"])
def test_the_recorded_runs_predict_each_other(board):
    """The committed runs: mean error of the LUTs of a run that the fit did not see."""
    family = explore.FAMILIES[boards.load(board).data["flow"]]
    runs = cost_model.read_runs() if cost_model.RUNS.is_file() else []
    if sum(run.family == family for run in runs) < cost_model.MINIMUM_RUNS:
        pytest.skip(f"no runs of {family} yet: python fpga/explore.py --board {board} --measure")
    errors = [abs(error) for error in cost_model.left_out_errors(runs, family)["lut"]]
    assert sum(errors) / len(errors) < 0.10


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--board", "ulx4s"], "no board 'ulx4s'; there are arty"),
        (["--board", "sim"], "sim is no real board"),
        (["--board", "ulx3s", "--fill", "0"], "--fill is 0, allowed is more than 0 to 100"),
        (["--board", "ulx3s", "--clock", "5000"], "--clock is 5000, allowed is 1 to 1000 MHz"),
        (["--board", "ulx3s", "--model", "no.safetensors"], "no.safetensors: no such file"),
    ],
)
def test_user_mistakes_exit_with_2(arguments, message, capsys):
    assert explore.main(arguments) == 2
    assert message in capsys.readouterr().err
