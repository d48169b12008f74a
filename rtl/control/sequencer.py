"""The sequencer: moves through a program's loop nests and issues one beat a cycle to the pipeline.

A beat is one word of each spike bank with the weights, masks and destination that belong to it.
"""

from myhdl import Signal, always, always_comb, block, enum, instances, intbv

from volley.firmware.isa import DESCRIPTOR, Opcode, pass_cycles
from volley.rtl.control.active import (
    layer_registers,
    leak_registers,
    packing_registers,
    pair_registers,
)
from volley.rtl.control.address_input import input_address
from volley.rtl.control.address_output import output_address
from volley.rtl.control.address_weights import weight_address
from volley.rtl.control.beat import dropped_column
from volley.rtl.control.column_counter import Columns, column_counter
from volley.rtl.control.fields import field_signal
from volley.rtl.control.flush import owed_beats
from volley.rtl.control.loop_nest import Loops, loop_nest
from volley.rtl.control.pair import PairViews, pair_views
from volley.rtl.delay import delay
from volley.rtl.memory.ram import address_bits


class RunControl:
    """A run of a program, from its start to HALT.

    Driven by the host: start   one cycle: the program at ``entry`` begins
                        stop    one cycle: it ends at once
    Driven by the sequencer:
        running    a program runs
        issuing    a beat is issued next cycle, or a pass waits
        account    one cycle: an instruction's last result is written
    """

    def __init__(self, start, entry, stop):
        self.start, self.entry, self.stop = start, entry, stop
        self.running, self.issuing, self.account = (Signal(bool(0)) for _ in range(3))


@block
def sequencer(clk, run, fetched, beat, active, drain_cycles, design):
    """Runs what ``fetch`` brings until HALT.

    run: RunControl; fetched: ``volley.rtl.control.fetch.Fetched``; beat, active: ``volley.rtl.control.beat.Beat`` and
    ``volley.rtl.control.active.Active``. drain_cycles: from an instruction's last beat to its last result.
    """
    instruction, descriptor = fetched.instruction, fetched.descriptor
    states = enum("IDLE", "WAITING", "SETUP", "ISSUE", "FLUSH", "HOLD", "DRAIN")
    state = Signal(states.IDLE)
    drain_left = Signal(intbv(0)[address_bits(drain_cycles + 1) :])
    loops, columns = Loops(), Columns()
    over, waits = (
        Signal(bool(0)),
        Signal(bool(0)),
    )  # of a flush: no beats follow; the next pass may wait
    share = design.share
    least = pass_cycles(design.leak)
    loops_inst = loop_nest(clk, loops, active, instruction, descriptor, least, share)
    window_pack = descriptor.pack
    counted = targeted = packing = descriptor
    if design.pair:
        views = PairViews(descriptor)
        views_inst = pair_views(descriptor, views)
        counted, targeted, packing = views.columns, views.output, views.packing
        window_pack = views.window_pack
        pair_inst = pair_registers(clk, loops.load, descriptor, active)
    columns_inst = column_counter(clk, loops, counted, columns, design.pack and design.odd)
    input_inst = input_address(clk, loops, active, columns.read_next, instruction, descriptor, beat)
    weights_inst = weight_address(clk, loops, active, descriptor, beat)
    output_inst = output_address(clk, loops, active, columns, instruction, targeted, beat, design)
    flags_inst = beat_flags(clk, loops, active, descriptor, beat)
    if share:
        owed_inst = owed_beats(clk, loops, beat)
    layer_inst = layer_registers(clk, loops.load, instruction, descriptor, active)
    if design.pack:
        packing_inst = packing_registers(clk, loops.load, packing, window_pack, active)
        lane_inst = delay(clk, 1, columns.read_lane, beat.lane)
    if design.leak:
        leak_inst = leak_registers(clk, loops.load, descriptor, active)
    if design.odd:
        dropped_inst = dropped_column(clk, loops, descriptor, beat)

    @always_comb
    def drive_loops():
        loops.load.next = state == states.SETUP
        loops.go.next = state == states.ISSUE
        loops.hold.next = state == states.HOLD
        loops.flush.next = state == states.FLUSH

    @always(clk.posedge)
    def control():
        fetched.step.next = False
        run.account.next = False
        if run.stop:
            state.next = states.IDLE
            run.running.next = False
        elif state == states.IDLE:
            if run.start:
                run.running.next = True
                state.next = states.WAITING
        elif state == states.WAITING:
            if fetched.valid:
                if instruction.opcode == Opcode.ROWS:
                    state.next = states.SETUP
                else:
                    run.running.next = False
                    state.next = states.IDLE
        elif state == states.SETUP:
            fetched.step.next = True
            state.next = states.ISSUE
        elif state == states.ISSUE:
            if loops.flush_due:
                over.next = loops.all_over
                waits.next = not loops.last_pass and not active.readout
                state.next = states.FLUSH
            elif loops.all_over:
                drain_left.next = drain_cycles
                state.next = states.DRAIN
            elif loops.pass_over and not loops.last_pass:
                if not active.readout and not loops.pass_ready:
                    state.next = states.HOLD
        elif state == states.FLUSH:
            if loops.flush_end:
                drain_left.next = drain_cycles
                if over:
                    state.next = states.DRAIN
                elif waits and not loops.pass_ready:
                    state.next = states.HOLD
                else:
                    state.next = states.ISSUE
        elif state == states.HOLD:
            if loops.pass_ready:
                state.next = states.ISSUE
        elif state == states.DRAIN:
            drain_left.next = drain_left - 1
            if drain_left == 1:
                run.account.next = True
                state.next = states.WAITING

    @always(clk.posedge)
    def drive_issuing():
        run.issuing.next = state == states.ISSUE or state == states.HOLD or loops.flush

    return instances()


@block
def beat_flags(clk, loops, active, descriptor, beat):
    """Drives valid, the masks, first, last and pixel of ``beat``, a cycle after ``loops.go``."""
    y_last = field_signal(DESCRIPTOR["height"])

    @always(clk.posedge)
    def copy_height():
        if loops.load:
            y_last.next = descriptor.height - 1

    @always(clk.posedge)
    def drive_masks():
        if loops.go:
            beat.mask_top.next = loops.y == 0 or not active.kernel3
            beat.mask_bottom.next = loops.y == y_last or not active.kernel3
            beat.mask_left.next = loops.x == 0 or not active.kernel3
            beat.mask_right.next = loops.row_end or not active.kernel3

    @always(clk.posedge)
    def drive_psum_flags():
        beat.valid.next = loops.go or loops.flush_beat
        if loops.go:
            if active.dense:
                beat.first.next = loops.first_beat
                beat.last.next = loops.pass_over and (loops.last_pass or not active.readout)
                beat.pixel.next = 0
            else:
                beat.first.next = loops.first_group
                beat.last.next = loops.last_group
                beat.pixel.next = loops.x
        elif loops.flush_beat:  # no psum is there that goes on
            beat.first.next = True
            beat.last.next = False
            if not active.dense:
                beat.pixel.next = loops.x

    return instances()
