"""Runs the sequencer alone, and says what it must issue: the loop nest of ``Opcode.ROWS`` in Python."""

from myhdl import Signal, instance, intbv

from tests.support.bench import clock, flag, run_bench
from volley.firmware.design import Design
from volley.firmware.isa import BANKS, INSTRUCTION, TAPS, Opcode
from volley.firmware.spike_map import MapPlace
from volley.rtl.control.active import Active
from volley.rtl.control.beat import Beat
from volley.rtl.control.fetch import Fetched
from volley.rtl.control.sequencer import RunControl, sequencer

DESIGN = Design(ci=8, co=4)
DRAIN = 7
ADDRESSES = 1 << INSTRUCTION["in_row"].width
TARGET = (
    "odd_y",
    "start",
    "full",
    "column",
    "part",
    "pixel",
    "cut",
    "sub",
    "bank",
    "address",
    "param",
)

LAYERS = {
    "first rows": (dict(width=5, height=6, in_groups=2, out_groups=3, kernel3=1), 0, 3),
    "last rows": (dict(width=4, height=7, in_groups=1, out_groups=2, kernel3=1), 4, 3),
    "pooled": (dict(width=6, height=6, in_groups=2, out_groups=3, kernel3=1, pool=1), 2, 4),
    "1x1": (dict(width=3, height=5, in_groups=11, out_groups=2), 1, 3),
    "passes": (dict(width=4, height=4, in_groups=2, out_groups=2, kernel3=1, passes=3), 1, 2),
    "encoding": (dict(width=7, height=4, in_groups=1, out_groups=2, kernel3=1, encode=1, passes=2), 0, 4),
    "dense": (dict(width=3, height=4, in_groups=2, out_groups=3, dense=1, passes=2), 0, 4),
    "readout": (dict(width=20, height=1, in_groups=1, out_groups=2, dense=1, readout=1, passes=2), 0, 1),
}  # fmt: skip
"""Name: (fields of a descriptor, first row, rows)."""


def address(ring: MapPlace, row: int) -> int:
    """The word address of the start of a row."""
    return ring.base + row % ring.ring_rows // BANKS * ring.stride


def layer(name):
    """(instruction, descriptor, input ring, output ring) of one of LAYERS; fields by name."""
    fields, row, rows = LAYERS[name]
    shape = {"passes": 1, "pool": 0, "dense": 0, "encode": 0, "kernel3": 0, "readout": 0, **fields}
    passes = 1 if shape["encode"] else shape["passes"]
    source = MapPlace(30, shape["in_groups"], shape["width"], 6, passes)
    width = 1 if shape["dense"] else shape["width"] >> shape["pool"]
    groups = -(-shape["out_groups"] // (DESIGN.ci // DESIGN.co))
    sink = MapPlace(200, groups, width, 3 if shape["dense"] else 6, shape["passes"])
    descriptor = {
        **shape, "in_base": source.base, "in_end": source.end, "in_stride": source.stride,
        "out_base": sink.base, "out_end": sink.end, "out_stride": sink.stride,
        "out_width": sink.width, "out_pass": sink.pass_words, "weight_base": 5,
        "weight_step": 4, "param_base": 9, "last_lanes": 0b111,
    }  # fmt: skip
    above = (
        (address(source, row - 1), (row - 1) % BANKS)
        if row
        else ((source.base - source.stride) % ADDRESSES, 2)
    )
    out = 0 if shape["dense"] else row >> shape["pool"]
    instruction = {
        "opcode": int(Opcode.ROWS), "layer": 2, "row": row, "rows": rows, "in_row": above[0],
        "in_bank": above[1], "out_row": address(sink, out), "out_bank": out % BANKS,
    }  # fmt: skip
    return instruction, descriptor, source, sink


def expected(name):
    """The beats that a layer must issue, in order, as the dictionaries of ``issue``.

    ``addresses`` is {bank: word address} of the rows that are not masked.
    """
    instruction, d, source, sink = layer(name)
    beats = []
    rows = range(instruction["row"], instruction["row"] + instruction["rows"])
    nest = [
        (og, y, p, ig, x)
        for og in range(d["out_groups"])
        for first in ([None] if d["dense"] else rows)
        for p in range(d["passes"])
        for y in (rows if d["dense"] else [first])
        for ig in range(d["in_groups"])
        for x in range(d["width"])
    ]
    for og, y, p, ig, x in nest:
        under = range(y - 1, y + 2) if d["kernel3"] else [y]
        word = (ig if d["encode"] else p * d["in_groups"] + ig) * d["width"] + x
        tap_group = ((y - rows[0]) * d["in_groups"] + ig) * d["width"] + x if d["dense"] else ig
        ends = x == d["width"] - 1, ig == d["in_groups"] - 1, y == rows[-1], p == d["passes"] - 1
        starts = x == 0, ig == 0, y == rows[0], p == 0
        of_pass = 4 if d["readout"] else 3
        column = x >> d["pool"]
        out = 0 if d["dense"] else y >> d["pool"]
        subs = DESIGN.ci // DESIGN.co
        beats.append({
            "addresses": {
                r % BANKS: address(source, r) + word for r in under if 0 <= r < d["height"]
            },
            "center": y % BANKS,
            "masks": (
                (y == 0, y == d["height"] - 1, starts[0], ends[0]) if d["kernel3"] else (True,) * 4
            ),
            "first": all(starts[:of_pass]) if d["dense"] else ig == 0,
            "last": all(ends[:of_pass]) if d["dense"] else ends[1],
            "beat_pixel": 0 if d["dense"] else x,
            "weight": (
                d["weight_base"] + og * d["weight_step"] + (ig if d["kernel3"] else tap_group // TAPS),
                0 if d["kernel3"] else tap_group % TAPS,
            ),
            "odd_y": y % 2,
            "start": not d["pool"] or x % 2 == 0,
            "full": not d["pool"] or x % 2 == 1 or ends[0],
            "column": 0 if d["dense"] else column, "part": p,
            "pixel": 0 if d["dense"] else x, "cut": ends[3], "sub": og % subs, "bank": out % BANKS,
            "address": (
                address(sink, out) + og // subs * sink.width + p * sink.pass_words
                + (0 if d["dense"] else column)
            ),
            "param": d["param_base"] + og,
        })  # fmt: skip
    return beats


def start(clk, run, fetched, instruction, descriptor):
    """A generator: an instruction and its descriptor are fetched, and the run starts."""
    for key, value in instruction.items():
        getattr(fetched.instruction, key).next = value
    for key in DESIGN.descriptor:
        getattr(fetched.descriptor, key).next = descriptor.get(key, 0)
    fetched.valid.next = True
    run.start.next = True
    yield clk.posedge
    run.start.next = False


def issue(name, design=DESIGN):
    """What the sequencer issues for a layer: (beats, cycles from start to the end, accounts).

    ``addresses`` is {bank: word address}, of all three; ``cycle`` counts from the start.
    """
    instruction, descriptor, _, _ = layer(name)
    clk, done = clock(), flag()
    run = RunControl(flag(), Signal(intbv(0)[16:]), flag())
    fetched, beat, active = Fetched(DESIGN), Beat(DESIGN), Active()
    taken = {field: beat.target_layout.take(beat.target, field) for field in TARGET}
    dut = sequencer(clk, run, fetched, beat, active, DRAIN, design)
    beats, cycles, accounts = [], [0], [0]

    @instance
    def stimulus():
        yield from start(clk, run, fetched, instruction, descriptor)
        yield clk.negedge
        while run.running:
            if fetched.step:
                fetched.instruction.opcode.next = int(Opcode.HALT)
            if beat.valid:
                masks = (beat.mask_top, beat.mask_bottom, beat.mask_left, beat.mask_right)
                beats.append({
                    "addresses": {bank: int(word) for bank, word in enumerate(beat.addresses)},
                    "center": int(beat.center), "masks": tuple(bool(mask) for mask in masks),
                    "first": bool(beat.first), "last": bool(beat.last), "owed": bool(beat.owed),
                    "cycle": cycles[0], "beat_pixel": int(beat.pixel), "target": int(beat.target),
                    "weight": (int(beat.weight_address), int(beat.weight_tap)),
                    **{field: int(signal) for field, signal in taken.items()},
                })  # fmt: skip
            cycles[0] += 1
            accounts[0] += bool(run.account)
            yield clk.negedge
        done.next = True
        yield clk.posedge

    run_bench([dut, stimulus], clk, done, cycles=5000)
    return beats, cycles[0], accounts[0]


def compare(name, *keys, design=DESIGN, where=None):
    """Asserts that the beats of a layer, those with the flag ``where``, have the expected values of ``keys``."""
    found, wanted = issue(name, design)[0], expected(name)
    assert len(found) == len(wanted)
    for number, (beat, right) in enumerate(zip(found, wanted)):
        for key in keys if where is None or right[where] else ():
            assert beat[key] == right[key], f"{name}: beat {number}, {key}"
