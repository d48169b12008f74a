"""fpga/explore.py: the cost model against made-up and recorded runs, and the search."""

import dataclasses

import pytest

from volley.firmware import boards, modelfile
from volley.firmware.compiler.program import compile_model
from volley.firmware.compiler.throughput import throughput
from volley.firmware.design import Design
from volley.fpga import cost_model, cost_runs, explore, search, wires
from volley.fpga.flows import arcs
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


def routed_runs():
    """Made-up runs with arcs; (16, 2) was routed and (32, 4) was not."""
    routed = {(16, 2): "yes", (32, 4): "no"}
    runs = []
    for run in made_up_runs():
        ci, co = run.design.ci, run.design.co
        arcs = 20_000 + 1000 * ci + 900 * ci * co
        runs.append(
            dataclasses.replace(
                run, arcs=arcs, routed=routed.get((ci, co), "unknown"), device_lut=83_640
            )
        )
    return runs


def test_the_limit_of_wires_lies_between_what_routed_and_what_did_not():
    found = wires.fit(routed_runs(), "ecp5")
    assert max(map(abs, found.errors)) < 1e-6 and found.wrong == 0
    arcs = 20_000 + 16_000 + 900 * 32  # at 16 input channels a wire is one long
    assert found.limit == found.routed == pytest.approx(arcs / 83_640)
    ratio = 2**wires.GROWTH * (20_000 + 32_000 + 900 * 128) / arcs
    assert found.failed == pytest.approx(found.limit * ratio)
    good, bad = Design(ci=16, co=2), Design(ci=32, co=4)
    assert not found.over(good, 83_640) and found.over(bad, 83_640)
    assert found.over(good, 40_000) and found.proven(good, 83_640) and not found.proven(bad, 83_640)
    text = "\n".join(wires.describe(found, "ecp5"))
    assert f"{found.routed:.2f} was routed, {found.failed:.2f} was not" in text


def test_without_a_design_that_failed_there_is_no_limit():
    runs = [run for run in routed_runs() if run.routed != "no"]
    found = wires.fit(runs, "ecp5")
    assert found.limit is None and found.routed and not found.over(Design(ci=64, co=64), 1)
    assert not found.proven(Design(ci=64, co=64), 83_640)
    assert wires.fit(made_up_runs(), "ecp5").weights is None


def test_a_run_on_the_wrong_side_of_the_limit_is_counted():
    runs = [
        dataclasses.replace(run, routed="no")
        if (run.design.ci, run.design.co) in ((8, 1), (32, 4)) else run
        for run in routed_runs()
    ]  # fmt: skip
    found = wires.fit(runs, "ecp5")
    assert found.wrong == 1 and "1 runs are on the wrong side" in wires.describe(found, "ecp5")[-1]


def test_routing_is_written_and_kept_when_a_run_is_made_anew(tmp_path):
    path = tmp_path / "runs.csv"
    cost_runs.write_runs(routed_runs(), path)
    again = {run.design: run for run in cost_model.read_runs(path)}
    for run in routed_runs():
        got = again[run.design]
        assert (got.arcs, got.routed, got.device_lut) == (run.arcs, run.routed, run.device_lut)
    anew = dataclasses.replace(routed_runs()[2], routed="unknown", device_lut=None, arcs=7)
    kept = next(run for run in cost_runs.add(routed_runs(), anew) if run.design == anew.design)
    assert (kept.routed, kept.device_lut, kept.arcs) == ("yes", 83_640, 7)
    path.write_text(path.read_text().replace(",yes,", ",maybe,"))
    with pytest.raises(cost_model.CostError, match="routed is 'maybe', allowed is yes, no, unkn"):
        cost_model.read_runs(path)


def test_the_recorded_runs_allow_what_routed_and_refuse_what_did_not():
    runs = cost_model.read_runs()
    found = wires.fit(runs, "ecp5")
    assert found.wrong == 0 and found.limit and found.failed and found.limit < found.failed
    tried = [run for run in runs if run.family == "ecp5" and run.routed != "unknown"]
    assert {run.routed for run in tried} == {"yes", "no"}
    for run in tried:
        assert found.over(run.design, run.device_lut) == (run.routed == "no")


def test_arcs_are_connections_that_need_wires():
    """Two flip-flops, a LUT that is in the slice of one of them, and a carry."""

    def cell(kind, **ports):
        outputs = {"Q", "Z", "COUT", "S0"}
        return {
            "type": kind,
            "connections": {port: [bit] for port, bit in ports.items()},
            "port_directions": {p: "output" if p in outputs else "input" for p in ports},
        }

    cells = {
        "a": cell("TRELLIS_FF", CLK=2, DI=5, Q=4),
        "b": cell("TRELLIS_FF", CLK=2, DI=4, Q=6),  # 4: b and the LUT: two arcs
        "lut": cell("LUT4", A=4, B="1", Z=5),  # 5: in the slice of a
        "low": cell("CCU2C", A0=6, COUT=7, S0=9),  # 6: one arc
        "high": cell("CCU2C", CIN=7, A0=9, S0=10),  # 7: a carry; 9: one arc
        "clock": cell("DCCA", CLKI=3, Z=2),
    }
    data = {"modules": {"top": {"ports": {}, "cells": cells, "netnames": {}}}}
    assert arcs.count(data) == 4


def explorer(model, board="ulx3s", runs=None, **settings):
    """A search of a board with made-up costs."""
    runs = runs or routed_runs()
    return search.Search(
        boards.load(board, settings), model, cost_model.fit(runs, "ecp5"),
        wires.fit(runs, "ecp5"), 0.85, settings,
    )  # fmt: skip


def test_words_in_lut_ram_cost_luts():
    one = Design(ci=16, co=4, weight_words=2048)
    rest = dataclasses.replace(one, weight_words=2048 + 64)
    costs = cost_model.fit(made_up_runs(), "ecp5")
    # nine banks of two columns; 64 words of 32 bits are 4 x 8 RAMs of 6 LUTs
    assert costs.predict(rest)["lut"] - costs.predict(one)["lut"] == pytest.approx(18 * 32 * 6)
    assert cost_model.lut_rams(rest, "xc7") == 18 * 11 * 4 and cost_model.lut_rams(one, "xc7") == 0


def test_every_candidate_holds_what_it_says():
    model = modelfile.load(str(SHIPPED))
    look = explorer(model)
    for design in look.whole(Design(ci=16, co=2, lut=4)):
        program = compile_model(model, design, explain=False)
        assert not program.segments
        for words in (design.weight_words, design.spike_words):  # wires have a limit
            assert words & (words - 1) == 0
    bits = {d.weight_words * d.ci * d.co for d in look.candidates(Design(ci=8, co=2, lut=4))[1:2]}
    assert bits == {4096 * 16 * 4}


def test_a_model_that_streams_is_found_as_the_compiler_finds_it():
    """The board's own memories, too small for the whole model."""
    model = modelfile.load(str(SHIPPED))
    settings = {"ci": 16, "co": 2, "weight_words": 512}
    (point,) = explorer(model, **settings).run()
    board = boards.load("ulx3s", settings)
    program = compile_model(model, board.design, rates=board.rates)
    assert program.segments and point.fits and point.design == program.design
    assert point.rates == throughput(program, *board.rates)


def test_the_search_prefers_what_fits_and_then_what_is_fast(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(search, "CHANNELS", (8, 32))
    monkeypatch.setattr(explore.cost_model, "read_runs", routed_runs)
    model = modelfile.load(str(SHIPPED))
    look = explorer(model)
    points = look.run()
    fitting = [point for point in points if point.fits]
    assert fitting and len(fitting) < len(points) and points[: len(fitting)] == fitting
    speeds = [(point.rates.end_to_end, point.rates.core) for point in fitting]
    assert speeds == sorted(speeds, reverse=True)
    for point in points:
        assert ("lut" in point.why) == (point.used["lut"] > 0.85 * 83_640)
        assert ("wires" in point.why) == look.wires.over(point.design, 83_640)
    assert {"lut", "wires"} <= {name for point in points for name in point.why}
    path = tmp_path / "explore.png"
    assert explore.main(["--board", "ulx3s", "--png", str(path)]) == 0
    out = capsys.readouterr().out
    best = fitting[0].design
    assert f"--target ulx3s --set ci={best.ci},co={best.co},spike_words={best.spike_words}" in out
    assert "error of a run left out" in out and path.read_bytes().startswith(b"\x89PNG")
    assert "not: LUT " in out and "wires " in out and "was not; the limit is" in out
    assert explore.main(["--board", "ulx3s", "--png", str(path), "--fill", "1"]) == 4
    err = capsys.readouterr().err
    assert "no design that holds model 'mnist' fits ulx3s; of the nearest, CI=8 CO=1: LUT" in err


def test_explore_recommends_nothing_that_is_known_not_to_route(tmp_path, capsys):
    """The committed runs and the shipped model: CI=16, CO=8 fits by its LUTs and does not route."""
    assert explore.main(["--board", "ulx3s", "--png", str(tmp_path / "a.png")]) == 0
    lines = capsys.readouterr().out.split("\n")
    wide = next(line for line in lines if "16 x 8 " in line)
    assert "not: wires" in wide and "LUT 5" in wide.replace("LUT  ", "LUT ")
    best = next(line for line in lines if line.startswith("the fastest end to end"))
    assert "--set ci=16,co=4," in best


def test_a_model_that_nothing_holds_is_told_as_the_compiler_tells_it(tmp_path, capsys):
    path = str(tmp_path / "a.png")
    settings = "ci=4,co=1,weight_words=16,spike_words=16"
    assert explore.main(["--board", "tangnano20k", "--png", path, "--set", settings]) == 4
    captured = capsys.readouterr()
    assert "not: the memories do not hold the model" in captured.out
    assert "spike_words" in captured.err and "bytes too many" in captured.err


def test_set_leaves_the_rest_to_the_search(tmp_path, capsys):
    path = str(tmp_path / "a.png")
    assert explore.main(["--board", "ulx3s", "--png", path, "--set", "ci=8,layers=16"]) == 0
    out = capsys.readouterr().out
    assert ",layers=16" in out and "--set ci=8," in out and "16 x " not in out
    assert explore.main(["--board", "ulx3s", "--png", path, "--set", "ci=8,co=16"]) == 2
    assert "co is 16" in capsys.readouterr().err


@pytest.mark.parametrize("board", ["ulx3s", "arty", "arty100", "tangnano20k"])
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
        (["--board", "ulx4s"], "no board 'ulx4s'; there are acorn, arty"),
        (["--board", "sim"], "sim is no real board"),
        (["--board", "ulx3s", "--fill", "0"], "--fill is 0, allowed is more than 0 to 100"),
        (["--board", "ulx3s", "--clock", "5000"], "--clock is 5000, allowed is 1 to 1000 MHz"),
        (["--board", "ulx3s", "--model", "no.safetensors"], "no.safetensors: no such file"),
    ],
)
def test_user_mistakes_exit_with_2(arguments, message, capsys):
    assert explore.main(arguments) == 2
    assert message in capsys.readouterr().err
