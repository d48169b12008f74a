"""AMD's hard block for PCIe in a Vivado project: its IP, its place, its wires and the constraints around it.

Nothing else names a vendor's block. The IP is ``pcie_7x`` (AMD PG054), made by Tcl in the project; Yosys,
which counts, gets a module with its ports and nothing in it.
"""

from __future__ import annotations

from volley.firmware.pcie import BAR_BYTES, CLASS_CODE, DEVICE_ID, VENDOR_ID

MODULE = "pcie_7x_gen2_x1"
INSTANCE = "pcie_block"
IP, PLACE, STUB, XDC = "pcie_ip.tcl", "pcie_place.tcl", "pcie_stub.v", "pcie.xdc"
# in synthesis the block is a black box, whose clock is not known
HOOK_TEXT = f"""\
set_property STEPS.PLACE_DESIGN.TCL.PRE [file normalize {PLACE}] [get_runs impl_1]
set_property used_in_synthesis false [get_files {XDC}]
"""
CROSSING_NS = 8.0  # a period of the faster of both clocks, user_clk
REFCLK_NS = 10.0

CONFIG = {
    "mode_selection": "Advanced",
    "Maximum_Link_Width": "X1",
    "Link_Speed": "5.0_GT/s",
    "Trgt_Link_Speed": "4'h2",
    "Interface_Width": "64_bit",
    "User_Clk_Freq": "125",
    "Ref_Clk_Freq": "100_MHz",
    "PCIe_Blk_Locn": "X0Y0",
    "Max_Payload_Size": "128_bytes",
    "Bar0_Enabled": "true",
    "Bar0_Type": "Memory",
    "Bar0_64bit": "false",
    "Bar0_Prefetchable": "false",
    "Bar0_Scale": "Kilobytes",
    "Bar0_Size": str(BAR_BYTES // 1024),
    "Vendor_ID": f"{VENDOR_ID:04X}",
    "Device_ID": f"{DEVICE_ID:04X}",
    "Class_Code_Base": f"{CLASS_CODE >> 16:02X}",
    "Class_Code_Sub": f"{CLASS_CODE >> 8 & 0xFF:02X}",
    "Class_Code_Interface": f"{CLASS_CODE & 0xFF:02X}",
    "IntX_Generation": "false",
    "Legacy_Interrupt": "None",
    "Buf_Opt_BMA": "true",
    "Disable_Tx_ASPM_L0s": "true",
    # the ports that there are
    "en_ext_clk": "false",
    "cfg_status_if": "true",
    "cfg_ctl_if": "true",
    "pl_interface": "false",
    "cfg_mgmt_if": "false",
    "cfg_fc_if": "false",
    "err_reporting_if": "false",
    "rcv_msg_if": "false",
}
"""The IP's parameters; all else is as Vivado has it."""

# (name, bits, the wire or value that it is connected to) of the IP's ports that are used
INPUTS = (
    ("sys_clk", 1, "pcie_refclk"), ("sys_rst_n", 1, "pcie_perst_n"),
    ("pci_exp_rxp", 1, "pcie_rx_p"), ("pci_exp_rxn", 1, "pcie_rx_n"),
    ("s_axis_tx_tdata", 64, "pcie_tx_tdata"), ("s_axis_tx_tkeep", 8, "pcie_tx_tkeep"),
    ("s_axis_tx_tlast", 1, "pcie_tx_tlast"), ("s_axis_tx_tvalid", 1, "pcie_tx_tvalid"),
    ("s_axis_tx_tuser", 4, "pcie_tx_tuser"), ("m_axis_rx_tready", 1, "pcie_rx_tready"),
    ("rx_np_ok", 1, "1'b1"), ("rx_np_req", 1, "1'b1"), ("tx_cfg_gnt", 1, "1'b1"),
    ("cfg_turnoff_ok", 1, "pcie_turnoff"), ("cfg_trn_pending", 1, "1'b0"),
    ("cfg_interrupt", 1, "1'b0"), ("cfg_interrupt_assert", 1, "1'b0"),
    ("cfg_interrupt_di", 8, "8'b0"), ("cfg_interrupt_stat", 1, "1'b0"),
    ("cfg_pciecap_interrupt_msgnum", 5, "5'b0"),
    ("cfg_pm_halt_aspm_l0s", 1, "1'b0"), ("cfg_pm_halt_aspm_l1", 1, "1'b0"),
    ("cfg_pm_force_state_en", 1, "1'b0"), ("cfg_pm_force_state", 2, "2'b0"),
    ("cfg_pm_send_pme_to", 1, "1'b0"), ("cfg_pm_wake", 1, "1'b0"), ("cfg_dsn", 64, "64'b0"),
    ("cfg_ds_bus_number", 8, "8'b0"), ("cfg_ds_device_number", 5, "5'b0"),
    ("cfg_ds_function_number", 3, "3'b0"),
)  # fmt: skip
OUTPUTS = (
    ("user_clk_out", 1, "pcie_clk"), ("user_reset_out", 1, "pcie_rst"),
    ("user_lnk_up", 1, "pcie_up"),
    ("pci_exp_txp", 1, "pcie_tx_p"), ("pci_exp_txn", 1, "pcie_tx_n"),
    ("s_axis_tx_tready", 1, "pcie_tx_tready"), ("m_axis_rx_tdata", 64, "pcie_rx_tdata"),
    ("m_axis_rx_tkeep", 8, "pcie_rx_tkeep"), ("m_axis_rx_tlast", 1, "pcie_rx_tlast"),
    ("m_axis_rx_tvalid", 1, "pcie_rx_tvalid"), ("m_axis_rx_tuser", 22, "pcie_rx_tuser"),
    ("cfg_bus_number", 8, "pcie_id_bus"), ("cfg_device_number", 5, "pcie_id_device"),
    ("cfg_function_number", 3, "pcie_id_function"), ("cfg_to_turnoff", 1, "pcie_turnoff"),
)  # fmt: skip
PADS = ("pci_exp_rxp", "pci_exp_rxn", "pci_exp_txp", "pci_exp_txn")

ENDPOINT = "core/pcie_endpoint0"  # cells of the engine, as the conversion names its registers
FIFOS = (f"{ENDPOINT}_async_fifo0", f"{ENDPOINT}_async_fifo1")
COUNTERS = ("written", "taken")


def _range(bits: int) -> str:
    return f"[{bits - 1}:0] " if bits > 1 else ""


def core_ports() -> list[str]:
    """The connections of module ``volley`` with the wires of the block, for the top level."""
    wires = [wire for _, _, wire in (*INPUTS, *OUTPUTS)]
    streams = [wire for wire in wires if wire.startswith(("pcie_rx_t", "pcie_tx_t", "pcie_id_"))]
    return [f".{name}({name})" for name in ("pcie_clk", "pcie_rst", *streams)]


def block_text() -> str:
    """Verilog of the top level: the wires, the reference clock's buffer and the block."""
    pins = ("pcie_tx_p", "pcie_tx_n")
    internal = [(bits, wire) for _, bits, wire in OUTPUTS if wire not in pins]
    internal += [(bits, wire) for _, bits, wire in INPUTS if wire.startswith("pcie_tx_t")]
    internal += [(1, "pcie_refclk"), (1, "pcie_rx_tready")]
    lines = [f"wire {_range(bits)}{wire};" for bits, wire in internal]
    lines += [
        "IBUFDS_GTE2 pcie_refclk_buffer (",
        "    .I(pcie_refclk_p), .IB(pcie_refclk_n), .CEB(1'b0), .O(pcie_refclk), .ODIV2()",
        ");",
        f"{MODULE} {INSTANCE} (",
        ",\n".join(f"    .{name}({wire})" for name, _, wire in (*INPUTS, *OUTPUTS)),
        ");",
    ]
    return "\n".join(lines)


def stub_text() -> str:
    """Verilog of the block's module with nothing in it, for Yosys' counts."""
    ports = [
        f"    {'(* iopad_external_pin *) ' if name in PADS else ''}{way} {_range(bits)}{name}"
        for way, group in (("input", INPUTS), ("output", OUTPUTS))
        for name, bits, _ in group
    ]
    return "(* blackbox *)\nmodule {} (\n{}\n);\nendmodule\n".format(MODULE, ",\n".join(ports))


def ip_tcl() -> str:
    """Tcl that makes the IP in an open project, and its files."""
    settings = " \\\n".join(f"    CONFIG.{name} {{{value}}}" for name, value in CONFIG.items())
    return (
        f"create_ip -vendor xilinx.com -library ip -name pcie_7x -module_name {MODULE}\n"
        f"set_property -dict [list \\\n{settings} \\\n] [get_ips {MODULE}]\n"
        f"generate_target all [get_ips {MODULE}]\n"
    )


def place_tcl(channel: str) -> str:
    """Tcl that runs before placement: the IP's own places are those of AMD's boards.

    channel: site of the transceiver of lane 0.
    """
    return f"""\
proc pcie_cells {{kind}} {{
    return [get_cells -hierarchical -filter "NAME =~ {INSTANCE}/* && REF_NAME == $kind"]
}}
foreach kind {{GTPE2_CHANNEL GTPE2_COMMON RAMB36E1}} {{
    set cells [pcie_cells $kind]
    if {{[llength $cells]}} {{ reset_property LOC $cells }}
}}
set channel [pcie_cells GTPE2_CHANNEL]
if {{[llength $channel] != 1}} {{
    error "{INSTANCE} has [llength $channel] GTPE2_CHANNEL, 1 is expected"
}}
set_property LOC {channel} $channel
"""


def board_xdc() -> list[str]:
    """Constraints: the reference clock, and how the flash is read, since the link is due after 100 ms."""
    return [
        f"create_clock -name pcie_refclk -period {REFCLK_NS:.3f} [get_ports {{ pcie_refclk_p }}]",
        "set_property INTERNAL_VREF 0.75 [get_iobanks 34]",
        "set_property BITSTREAM.GENERAL.COMPRESS TRUE [current_design]",
        "set_property BITSTREAM.CONFIG.SPI_BUSWIDTH 4 [current_design]",
        "set_property BITSTREAM.CONFIG.CONFIGRATE 33 [current_design]",
    ]


def crossing_xdc() -> list[str]:
    """Constraints of what crosses between the clocks, for implementation alone.

    Every path between the clocks is shorter than a period of the faster one: so of a Gray counter two
    bits that change in two cycles never arrive together with one of them missed.
    """
    lines = []
    clocks = [
        "[get_clocks -of_objects [get_pins clock_buffer/O]]",
        f"[get_clocks -of_objects [get_pins {INSTANCE}/user_clk_out]]",
    ]
    for start, end in (clocks, clocks[::-1]):
        lines.append(f"set_max_delay -datapath_only -from {start} -to {end} {CROSSING_NS:.3f}")
    for fifo in FIFOS:
        for counter in COUNTERS:
            start, end = (
                f"[get_cells {{ {fifo}_{counter}_{part}_reg[*] }}]" for part in ("gray", "meta")
            )
            lines.append(f"set_bus_skew -from {start} -to {end} {CROSSING_NS:.3f}")
            for part in ("meta", "seen"):
                cells = f"[get_cells {{ {fifo}_{counter}_{part}_reg[*] }}]"
                lines.append(f"set_property ASYNC_REG TRUE {cells}")
    return lines
