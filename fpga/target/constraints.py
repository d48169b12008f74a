"""Constraint files from a target's pins: LPF (ECP5), CST and SDC (Gowin), XDC (Xilinx)."""

from __future__ import annotations

from volley.fpga.target import pcie
from volley.fpga.target.target import GT, Pin, Target

LPF_PULLS = {"up": "UP", "down": "DOWN", "none": "NONE"}
XDC_PULLS = {"up": "PULLUP", "down": "PULLDOWN"}


def files(target: Target) -> dict[str, str]:
    """{file name: text} of the constraints of a target."""
    make = {"trellis": lpf, "apicula": cst_and_sdc, "vivado": xdc}[target.flow]
    return make(target)


def lpf(target: Target) -> dict[str, str]:
    """Lattice; nextpnr derives the clock behind the PLL from the oscillator's."""

    def lines(pin: Pin) -> list[str]:
        return [
            f'LOCATE COMP "{pin.port}" SITE "{pin.site}";',
            f'IOBUF PORT "{pin.port}" IO_TYPE={pin.type} PULLMODE={LPF_PULLS[pin.pull]};',
        ]

    text = [line for pin in target.pins for line in lines(pin)]
    text.append(f'FREQUENCY PORT "oscillator" {target.oscillator_hz / 1e6:.6f} MHZ;')
    return {"top.lpf": "\n".join(text) + "\n"}


def cst_and_sdc(target: Target) -> dict[str, str]:
    """Gowin; the clock is named by its net, as nextpnr finds none by its port."""
    text = []
    for pin in target.pins:
        text.append(f'IO_LOC "{pin.port}" {pin.site};')
        text.append(f'IO_PORT "{pin.port}" IO_TYPE={pin.type} PULL_MODE={LPF_PULLS[pin.pull]};')
    period = 1e9 / target.board.clock_hz
    clock = f"create_clock -name clk -period {period:.4f} [get_nets {{clk}}]\n"
    return {"top.cst": "\n".join(text) + "\n", "top.sdc": clock}


def xdc(target: Target) -> dict[str, str]:
    """Vivado derives the clock behind a PLL; button, rx and the lights have no timing."""
    text = []
    for pin in target.pins:
        pull = f" {XDC_PULLS[pin.pull]} TRUE" if pin.pull in XDC_PULLS else ""
        standard = "" if pin.type == GT else f" IOSTANDARD {pin.type}"
        text.append(
            f"set_property -dict {{ PACKAGE_PIN {pin.site}{standard}{pull} }} "
            f"[get_ports {{ {pin.port} }}]"
        )
    period = 1e9 / target.oscillator_hz
    logic = [pin for pin in target.pins if pin.type != GT and "oscillator" not in pin.port]
    inputs = " ".join(pin.port for pin in logic if pin.is_input)
    outputs = " ".join(pin.port for pin in logic if not pin.is_input)
    text += [
        f"create_clock -name oscillator -period {period:.3f} [get_ports {{ oscillator }}]",
        f"set_false_path -from [get_ports {{ {inputs} }}]",
        f"set_false_path -to [get_ports {{ {outputs} }}]",
        "set_property CFGBVS VCCO [current_design]",
        "set_property CONFIG_VOLTAGE 3.3 [current_design]",
    ]
    texts = {"top.xdc": text}
    if target.board.has_pcie:
        text += pcie.board_xdc()
        texts[pcie.XDC] = pcie.crossing_xdc()
    return {name: "\n".join(lines) + "\n" for name, lines in texts.items()}
