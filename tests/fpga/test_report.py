"""fpga/report.py on small recorded reports of the tools."""

import dataclasses
import json

import pytest

from volley.firmware import modelfile
from volley.firmware.compiler.program import compile_model
from volley.firmware.compiler.throughput import throughput
from volley.firmware.design import Design
from volley.fpga import report

SMALL = Design(ci=8, co=4, spike_words=2048, weight_words=2048, param_words=128)


@pytest.fixture
def build(tmp_path, monkeypatch):
    """build(name, ...) writes the reports of a build."""
    monkeypatch.setattr(report, "BUILD", tmp_path / "build")

    def write(name, flow, family, cells, clock_hz, fmax=None, design=SMALL, used=None):
        folder = tmp_path / "build" / name
        folder.mkdir(parents=True)
        stamp = {
            "target": name, "flow": flow, "family": family, "clock_hz": clock_hz,
            "design": dataclasses.asdict(design),
        }  # fmt: skip
        (folder / "stamp.json").write_text(json.dumps(stamp))
        statistic = {"design": {"num_cells_by_type": cells}}
        (folder / "stat.json").write_text(json.dumps(statistic))
        if fmax:
            (folder / "timing.json").write_text(
                json.dumps({
                    "fmax": {"clk": {"achieved": fmax, "constraint": clock_hz / 1e6}},
                    "utilization": {"TRELLIS_COMB": {"used": used, "available": 1}} if used else {},
                })
            )  # fmt: skip
        return folder

    return write


def ecp5(build, fmax):
    cells = {"LUT4": 4608, "TRELLIS_FF": 700, "DP16KD": 52, "MULT18X18D": 3}
    return build("ulx3s", "trellis", "ecp5", cells, 100_000_000, fmax, used=9216)


def test_a_routed_build(build):
    ecp5(build, 123.4)
    model = modelfile.load(str(report.SHIPPED))
    row = report.measure("ulx3s", model)
    assert row["lut"] == [9216, 83640] and row["ff"][0] == 700 and row["bram"] == [52, 208]
    assert row["pes"] == 8 * 9 * 8 * 4 and row["lut_per_pe"] == 4
    assert row["gops"] == pytest.approx(460.8) and row["gops_per_klut"] == pytest.approx(50)
    program = compile_model(model, SMALL, rates=report.built_board("ulx3s", SMALL, 10**8).rates)
    count = program.report["cycles"]
    assert row["cycles"] == count and row["images_per_s"] == pytest.approx(1e8 / count)
    # the fastest rate of ulx3s that a clock of 100 MHz makes
    rates = throughput(program, 1e8, report.built_board("ulx3s", SMALL, 10**8).line_baud)
    assert (row["images_per_s_link"], row["images_per_s_end_to_end"]) == rates[1:3]
    assert rates.end_to_end == min(rates.core, rates.link) < rates.core
    assert f"| {rates.link:.0f} | {rates.end_to_end:.0f} |" in report.page([row])
    assert row["sources"] == [f"build/ulx3s/{name}.json" for name in ("stamp", "stat", "timing")]
    assert "9,216 of 83,640 (11%) | 700" in report.page([row])
    assert "123.4 of 100" in report.page([row])


def test_tiles_that_stay_empty_are_not_the_design_s(build):
    stamp = ecp5(build, 123.4) / "stamp.json"
    stamp.write_text(json.dumps({**json.loads(stamp.read_text()), "empty_tiles": 100}))
    row = report.measure("ulx3s")
    assert row["lut"][0] == 9216 - 800 and row["ff"][0] == 700


def test_a_clock_that_did_not_pass_makes_no_peak(build):
    ecp5(build, 90.0)
    row = report.measure("ulx3s", modelfile.load(str(report.SHIPPED)))
    assert row["fmax_mhz"] == 90 and row["gops"] == "timing not met"
    assert row["images_per_s"].endswith("if 100 MHz pass")
    assert row["images_per_s_end_to_end"].endswith("if 100 MHz pass")
    assert row["images_per_s_link"] > 0


def test_what_is_missing_says_why(build):
    assert report.measure("ulx3s")["missing"] == "not built"
    build("arty", "vivado", "xc7", {"LUT6": 10, "RAMB18E1": 3}, 100_000_000)
    row = report.measure("arty")
    assert row["fmax_mhz"] == row["gops"] == "not known: needs Vivado"
    assert row["bram"][0] == 2 and row["cycles"] == "no model"
    build("tangnano20k", "apicula", "gowin", {"LUT4": 1}, 54_000_000)
    assert report.measure("tangnano20k")["fmax_mhz"] == "not known: not routed"


def test_a_model_that_does_not_fit(build):
    small = dataclasses.replace(SMALL, weight_words=16)
    build("ulx3s", "trellis", "ecp5", {"LUT4": 1}, 10**8, 120.0, small)
    row = report.measure("ulx3s", modelfile.load(str(report.SHIPPED)))
    assert row["cycles"] == row["images_per_s"] == "does not fit"


def test_the_slack_of_vivado(build):
    folder = build("arty", "vivado", "xc7", {"LUT6": 10}, 100_000_000)
    (folder / "timing.rpt").write_text(
        "    WNS(ns)      TNS(ns)  TNS Failing Endpoints\n"
        "    -------      -------  ---------------------\n"
        "      2.000        0.000                      0\n"
    )
    row = report.measure("arty")
    assert row["fmax_mhz"] == pytest.approx(125) and row["passed"] is True


def test_the_power_of_vivado(build):
    """Columns of their own, where a report exists."""
    folder = build("arty", "vivado", "xc7", {"LUT6": 10}, 100_000_000)
    (folder / "timing.rpt").write_text(
        "    WNS(ns)      TNS(ns)\n    -------      -------\n      0.1        0\n"
    )
    ecp5(build, 123.4)
    model = modelfile.load(str(report.SHIPPED))
    assert report.measure("arty", model)["watts"] == report.NO_POWER
    assert "images/s/W" not in report.page([report.measure("arty", model)])
    (folder / "power.rpt").write_text(POWER)
    row = report.measure("arty", model)
    rate = row["images_per_s_end_to_end"]
    assert row["watts"] == 0.254 and row["images_per_s_per_w"] == pytest.approx(rate / 0.254)
    assert (
        row["mj_per_image"] == pytest.approx(254 / rate)
        and "build/arty/power.rpt" in row["sources"]
    )
    page = report.page([row, report.measure("ulx3s", model), report.measure("orangecrab")])
    assert len({line.count("|") for line in page.splitlines() if line.startswith("|")}) == 1
    assert f"| 0.25 | {254 / rate:.3g} | {rate / 0.254:.0f} |" in page and report.NO_POWER in page
    (folder / "power.rpt").write_text("nothing")
    with pytest.raises(report.BuildError, match="no total on-chip power"):
        report.measure("arty")


POWER = """\
+--------------------------+--------------+
| Total On-Chip Power (W)  | 0.254        |
| Design Power Budget (W)  | Unspecified* |
| Dynamic (W)              | 0.192        |
| Device Static (W)        | 0.062        |
+--------------------------+--------------+
"""


def test_the_page_is_written_between_the_markers(build, tmp_path, monkeypatch, capsys):
    page = tmp_path / "boards.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    monkeypatch.setattr(report, "PAGE", page)
    ecp5(build, 123.4)
    assert report.main(["--write"]) == 0
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    assert "| ulx3s | 9,216" in text and "| arty | not built |" in text
    page.write_text("no markers")
    assert report.main(["--write"]) == 2
    assert "are wanted around the table" in capsys.readouterr().err


def test_user_mistakes_and_broken_reports(build, capsys):
    assert report.main(["nowhere"]) == 2
    assert "no target 'nowhere'; there are" in capsys.readouterr().err
    folder = ecp5(build, 123.4)
    (folder / "stat.json").write_text("{")
    assert report.main(["ulx3s"]) == 1
    assert "stat.json: not a statistic of Yosys" in capsys.readouterr().err
    (folder / "stamp.json").write_text("{}")
    assert report.main(["ulx3s"]) == 2
    assert "stamp.json" in capsys.readouterr().err
