"""The bench of training's knobs: runs of each knob by seed, one run before two of them, the table."""

import csv

import pytest

from volley.model.training import command_line


@pytest.fixture
def knobs(bench, monkeypatch):
    """bench/knobs.py, and a list of the options of all trainings, which are left out.

    A run with mixup ends at 50 %, any other at 40 %, and 1 % more for each seed.
    """
    module, done = bench("knobs"), []

    def main(words):
        options = command_line.parser("").parse_args(words)
        done.append(options)
        share = (0.5 if options.mix == "mixup" else 0.4) + options.seed / 100
        with open(f"{options.out}.csv", "w", newline="") as file:
            csv.writer(file).writerows([["validation_accuracy"], [share]])
        return 0

    monkeypatch.setattr(module.train, "main", main)
    return module, done


def test_rows(knobs, capsys, tmp_path):
    module, done = knobs
    out = tmp_path / "knobs.md"
    assert module.main(["--only", "plain,mixup", "--write", str(out)]) == 0
    assert "| mixup | 51.5 % | +10.0 | 1.0 |" in capsys.readouterr().out
    assert [options.seed for options in done] == [1, 2, 1, 2]
    assert "| plain | 41.5 % |  | 1.0 |" in out.read_text()


def test_every_knob(knobs):
    """Each knob's options are train.py's; the run in real weights is made once and taken by two."""
    module, done = knobs
    assert module.main(["--seeds", "1", "--epochs", "2"]) == 0
    assert len(done) == len(module.KNOBS) + 1 and sum(options.real for options in done) == 1
    assert {bool(o.init) + 2 * bool(o.teacher) for o in done} == {0, 1, 2}
    assert done[-1].epochs == done[-1].rate_epochs == 4
    assert all(options.augment.startswith("crop4") for options in done)


def test_stopped(knobs, monkeypatch, capsys):
    """What was done before Ctrl-C is printed, and what was not."""
    module, done = knobs
    trained = module.train.main
    monkeypatch.setattr(module.train, "main", lambda words: 130 if done[3:] else trained(words))
    assert module.main(["--only", "plain,mixup,cutmix"]) == 0
    said = capsys.readouterr().out
    assert "| mixup | 51.5 % |" in said and "Stopped before: cutmix.\n" in said


@pytest.mark.parametrize("words", [["--only", "mixup,speed"], ["--seeds", "0"]])
def test_errors(knobs, capsys, words):
    module, _ = knobs
    assert module.main(words) == 2
    assert "; " in capsys.readouterr().err
