"""The top level of a real board as Verilog text: PLL, reset, LEDs, around module ``volley``."""

from __future__ import annotations

import textwrap

from volley.fpga.target import late_clock, pcie
from volley.fpga.target.pll import Setting
from volley.fpga.target.target import Pin, Target
from volley.rtl.convert.converter import TOP as CORE

TOP = "top"
STAT = "stat.json"  # what Yosys counts
RESET_STAGES = 4
ACTIVITY_BITS = 4  # an activity LED shows a flash for 1 / 2^ACTIVITY_BITS of a heartbeat


def top_text(target: Target) -> str:
    """The Verilog text of module ``top`` for a target; its ports are the target's pins."""
    ports = ",\n".join(
        f"    {'input ' if pin.is_input else 'output'} wire {pin.port}" for pin in target.pins
    )
    pins = {pin.port: pin for pin in target.pins}
    clock_hz = round(target.goal.hz) if target.goal else target.board.clock_hz
    goal = "MHz clock" if target.goal is None else "MHz clock is the goal"
    parts = [
        f"// {target.board.title}: {target.oscillator_hz / 1e6:g} MHz oscillator, "
        f"{clock_hz / 1e6:g} {goal}.\n"
        f"// Generated from fpga/boards/{target.name}.toml.",
        "`default_nettype none",
        f"module {TOP} (\n{ports}\n);",
        clock_text(target),
        reset_text(pins.get("button")),
        core_text(target),
        lights_text(pins, clock_hz),
    ]
    parts += [
        f"assign {pin.port} = 1'b{pin.constant};" for pin in target.pins if pin.constant is not None
    ]
    return "\n\n".join(parts) + "\n\nendmodule\n`default_nettype wire\n"


def core_text(target: Target) -> str:
    """The accelerator with its links."""
    ports = [f".{name}({name})" for name in ("clk", "rst", "rx", "tx")]
    if target.goal is not None:
        ports += [f".{name}({name})" for name in late_clock.BITS]
        return late_clock.verilog() + f"\n\n{CORE} core ({', '.join(ports)});"
    if not target.board.has_pcie:
        return f"{CORE} core ({', '.join(ports)});"
    ports += pcie.core_ports()
    return pcie.block_text() + f"\n\n{CORE} core (\n    " + ",\n    ".join(ports) + "\n);"


def clock_text(target: Target) -> str:
    """Drives ``clk`` and ``locked``."""
    if "oscillator_n" in target.ports:
        if target.pll is None:
            raise ValueError(f"{target.name}: a differential oscillator needs another clock_hz")
        return (
            "wire oscillator_clk;\n"
            "IBUFDS oscillator_buffer (.I(oscillator), .IB(oscillator_n), .O(oscillator_clk));\n"
            "wire clk;\nwire locked;\n" + plle2(target.pll, target, "oscillator_clk")
        )
    if target.pll is None:
        return "wire clk = oscillator;\nwire locked = 1'b1;"
    make = {"trellis": ehxplll, "apicula": rpll, "vivado": plle2}[target.flow]
    return "wire clk;\nwire locked;\n" + make(target.goal or target.pll, target)


def ehxplll_dividers(setting: Setting) -> dict[str, int]:
    """The parameters of ECP5's PLL that make its clock."""
    return {
        "CLKI_DIV": setting.divide, "CLKFB_DIV": 1, "CLKOP_DIV": setting.multiply,
        "CLKOS_DIV": setting.output, "CLKOP_CPHASE": setting.multiply - 1,
        "CLKOS_CPHASE": setting.output - 1,
    }  # fmt: skip


def ehxplll(setting: Setting, target: Target) -> str:
    """ECP5: the output CLKOP is the feedback alone, so that CLKOS divides freely."""
    dividers = [f".{name}({value})" for name, value in ehxplll_dividers(setting).items()]
    return (
        "wire feedback;\n"
        f'(* FREQUENCY_PIN_CLKI="{target.oscillator_hz / 1e6:g}", '
        f'FREQUENCY_PIN_CLKOS="{float(setting.hz) / 1e6:.6g}" *)\n'
        "EHXPLLL #(\n"
        f"    {', '.join(dividers[:4])},\n"
        f"    {', '.join(dividers[4:])},\n"
        '    .CLKOP_ENABLE("ENABLED"), .CLKOS_ENABLE("ENABLED"), .FEEDBK_PATH("CLKOP")\n'
        ") pll (\n"
        "    .CLKI(oscillator), .CLKFB(feedback), .CLKOP(feedback), .CLKOS(clk), .LOCK(locked),\n"
        "    .RST(1'b0), .STDBY(1'b0), .ENCLKOP(1'b0), .ENCLKOS(1'b0), .PLLWAKESYNC(1'b0),\n"
        "    .PHASESEL0(1'b0), .PHASESEL1(1'b0), .PHASEDIR(1'b1), .PHASESTEP(1'b1),\n"
        "    .PHASELOADREG(1'b1)\n"
        ");"
    )


def rpll(setting: Setting, target: Target) -> str:
    """Gowin: dividers are given less one."""
    return (
        "rPLL #(\n"
        f'    .FCLKIN("{target.oscillator_hz / 1e6:g}"), .DEVICE("GW2AR-18C"),\n'
        f"    .IDIV_SEL({setting.divide - 1}), .FBDIV_SEL({setting.multiply - 1}), "
        f".ODIV_SEL({setting.output})\n"
        ") pll (\n"
        "    .CLKIN(oscillator), .CLKOUT(clk), .LOCK(locked),\n"
        "    .RESET(1'b0), .RESET_P(1'b0), .CLKFB(1'b0), .FBDSEL(6'b0), .IDSEL(6'b0),\n"
        "    .ODSEL(6'b0), .DUTYDA(4'b0), .PSDA(4'b0), .FDLY(4'b0),\n"
        "    .CLKOUTP(), .CLKOUTD(), .CLKOUTD3()\n"
        ");"
    )


def plle2(setting: Setting, target: Target, source: str = "oscillator") -> str:
    """Xilinx 7: the oscillator inside is the feedback, its output goes through a global buffer."""
    return (
        "wire feedback;\nwire pll_clk;\n"
        "PLLE2_BASE #(\n"
        f"    .CLKIN1_PERIOD({1e9 / target.oscillator_hz:.3f}), .DIVCLK_DIVIDE({setting.divide}),\n"
        f"    .CLKFBOUT_MULT({setting.multiply}), .CLKOUT0_DIVIDE({setting.output})\n"
        ") pll (\n"
        f"    .CLKIN1({source}), .CLKFBIN(feedback), .CLKFBOUT(feedback), .CLKOUT0(pll_clk),\n"
        "    .LOCKED(locked), .PWRDWN(1'b0), .RST(1'b0)\n"
        ");\n"
        "BUFG clock_buffer (.I(pll_clk), .O(clk));"
    )


def reset_text(button: Pin | None) -> str:
    """Drives ``rst``: set without a clock while the PLL has no lock, cleared by the clock."""
    pressed = "1'b0" if button is None else "~button" if button.active_low else "button"
    last = RESET_STAGES - 1
    return textwrap.dedent(f"""\
        reg [{last}:0] reset_chain = {RESET_STAGES}'b{"1" * RESET_STAGES};
        wire rst = reset_chain[{last}];
        always @(posedge clk or negedge locked)
            if (!locked) reset_chain <= {RESET_STAGES}'b{"1" * RESET_STAGES};
            else reset_chain <= {{reset_chain[{last - 1}:0], {pressed}}};""")


def lights_text(pins: dict[str, Pin], clock_hz: int) -> str:
    """A heartbeat of about 1 Hz, and flashes while rx or tx is low."""
    bits = max(ACTIVITY_BITS + 1, (clock_hz - 1).bit_length())

    def light(port, level):
        return f"assign {port} = {'~' if pins[port].active_low else ''}{level};"

    return textwrap.dedent(f"""\
        reg [{bits - 1}:0] heartbeat = 0;
        reg tick = 0;
        reg [1:0] rx_line = 2'b11;
        reg rx_seen = 0, rx_shown = 0, tx_seen = 0, tx_shown = 0;
        always @(posedge clk) begin
            heartbeat <= heartbeat + 1;
            tick <= heartbeat[{bits - ACTIVITY_BITS - 1}:0] == 0;
            rx_line <= {{rx_line[0], rx}};
            rx_seen <= !rx_line[1] || (rx_seen && !tick);
            tx_seen <= !tx || (tx_seen && !tick);
            if (tick) begin
                rx_shown <= rx_seen;
                tx_shown <= tx_seen;
            end
        end
        """) + "\n".join(
        [
            light("led_heartbeat", f"heartbeat[{bits - 1}]"),
            light("led_rx", "rx_shown"),
            light("led_tx", "tx_shown"),
            *([light("led_link", "pcie_up")] if "led_link" in pins else []),
        ]
    )
