"""A textual configuration as nextpnr writes it for a board whose clock is set behind the router, in small."""

from volley.fpga.target import late_clock

ZEROS = "0" * 16


def sites():
    """{LUT: place} as nextpnr names it: eight LUTs a tile, from X3/Y5 on."""
    names = [
        late_clock.cell(port, bit) for port, bits in late_clock.BITS.items() for bit in range(bits)
    ]
    return {
        name: f"X{3 + k // 8}/Y5/SLICE{'ABCD'[k % 8 // 2]}.K{k % 2}" for k, name in enumerate(names)
    }


def config():
    """The configuration, with a PLL from 25 MHz to 62.5 MHz and a LUT of the design's own."""
    tiles = {}
    for place in sites().values():
        x, y, lut = place.split("/")
        tiles.setdefault(f"R{y[1:]}C{x[1:]}:PLC2", []).append(f"word: {lut}.INIT {ZEROS}")
    lines = [".device LFE5U-85F", "", ".tile R7C3:PLC2", "arc: F6 F6_SLICE"]
    lines += ["word: SLICEA.K0.INIT 1000100011001100", ""]
    for name, words in tiles.items():
        lines += [f".tile {name}", "arc: H01W0000 F6", *words, "enum: SLICED.MODE LOGIC", ""]
    lines += [
        ".tile_group A:PLL0_UL B:PLL1_UL",
        "word: CLKI_DIV 0000000",
        "word: CLKFB_DIV 0000000",
        "word: CLKOP_DIV 0011101",
        "word: CLKOP_CPHASE 0011101",
        "word: CLKOP_FPHASE 000",
        "word: CLKOS_DIV 0001011",
        "word: CLKOS_CPHASE 0001011",
        "word: CLKOS_FPHASE 000",
        "",
    ]
    return "\n".join(lines)
