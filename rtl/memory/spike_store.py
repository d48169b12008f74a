"""The spike memory with all who use it: the beats, pooled spikes, pictures and the host."""

from myhdl import Signal, always, always_comb, block, instances, intbv, modbv

from volley.firmware.isa import BANKS, LANES
from volley.rtl.memory.image_writer import ImageWrite, image_writer
from volley.rtl.memory.ram import address_bits
from volley.rtl.memory.spike import SpikeWrite, select_columns, spike_memory


def ahead(design):
    """Cycles by which ``spike_store`` takes the addresses of a beat before the rest of it."""
    return int(design.reach and not design.gate)


@block
def share_now(beat, host, read, addresses):
    """read, addresses = those of a beat, or of the host."""
    address0, address1, address2 = addresses
    beat0, beat1, beat2 = beat.addresses
    beat_valid = beat.valid

    @always_comb
    def share_reads():
        read.next = beat_valid or host.read_spikes
        if host.read_spikes:
            address0.next = host.row
            address1.next = host.row
            address2.next = host.row
        else:
            address0.next = beat0
            address1.next = beat1
            address2.next = beat2

    return instances()


@block
def share_ahead(clk, beat, host, read, addresses):
    """``share_now`` of a design that is ``ahead``; it always reads. Latency 1."""
    address0, address1, address2 = addresses
    beat0, beat1, beat2 = beat.addresses

    @always(clk.posedge)
    def share_reads():
        read.next = True
        if host.read_spikes:
            address0.next = host.row
            address1.next = host.row
            address2.next = host.row
        else:
            address0.next = beat0
            address1.next = beat1
            address2.next = beat2

    return instances()


@block
def spike_store(clk, beat, results, write_data, host, outputs, shown, design):
    """Reads the three words of a beat, and writes pooled pixels first, then pictures.

    beat: ``volley.rtl.control.beat.Beat``, its addresses ``ahead``; results: ``volley.rtl.pipeline.Results``. write_data: of the
    bus, which ``host`` takes pictures from. outputs: SpikeOutputs, a cycle after the beat. shown: the
    host's columns.
    """
    slots = [Signal(intbv(0)[LANES:]) for _ in range(design.ci)]
    port = SpikeWrite(design, slots)
    bits = address_bits(design.spike_words)
    read = Signal(bool(0))
    addresses = [Signal(modbv(0)[bits:]) for _ in range(BANKS)]
    reads = [read] * BANKS
    if design.gate:
        reads = [Signal(bool(0)) for _ in range(BANKS)]
        wanted_insts = [
            wanted_bank(beat, read, host.read_spikes, k, reads[k]) for k in range(BANKS)
        ]
    memory_inst = spike_memory(clk, port, reads, addresses, outputs.columns, design)
    if ahead(design):
        share_inst = share_ahead(clk, beat, host, read, addresses)
    else:
        share_inst = share_now(beat, host, read, addresses)

    image = ImageWrite(host.image_ready, slots, design)
    image_inst = image_writer(clk, host, write_data, image, design)
    image_request, image_address = image.request, image.address
    pooled_write, pooled = results.pooled_write, results.pooled
    layout = results.layout
    target_bank = layout.take(results.target, "bank")
    target_address = layout.take(results.target, "address")
    target_sub = layout.take(results.target, "sub")

    @always_comb
    def grant_image():
        image.grant.next = image_request and not pooled_write

    select_inst = select_columns(
        clk, port, pooled_write, target_bank, target_sub, image_request, image.bank
    )

    @always(clk.posedge)
    def drive_write():
        if pooled_write:
            port.whole.next = False
            port.address.next = target_address
            port.spikes.next = pooled
        elif image_request:
            port.whole.next = True
            port.address.next = image_address

    readout_inst = spike_readout(clk, host.read_spikes, host.bank, outputs.words, shown)
    return instances()


@block
def wanted_bank(beat, read, whole, this, wanted):
    """wanted = ``read``, where bank ``this`` has a row that is under the kernel and on the map, or ``whole``."""
    center, mask_top, mask_bottom = beat.center, beat.mask_top, beat.mask_bottom
    above, below = (this + 1) % BANKS, (this - 1) % BANKS

    @always_comb
    def want():
        wanted.next = read and (
            whole
            or center == this
            or (center == above and not mask_top)
            or (center == below and not mask_bottom)
        )

    return instances()


@block
def spike_readout(clk, enable, bank, words, columns):
    """The word of ``bank`` as 32-bit columns, for the host. Latency 1."""
    word0, word1, word2 = words
    word = Signal(intbv(0)[len(word0) :])
    parts = [word(32 * (k + 1), 32 * k) if len(word) > 32 else word for k in range(len(columns))]

    @always(clk.posedge)
    def choose_bank():
        if enable:
            if bank == 0:
                word.next = word0
            elif bank == 1:
                word.next = word1
            else:
                word.next = word2

    column_insts = [connect(parts[k], columns[k]) for k in range(len(columns))]
    return instances()


@block
def connect(source, target):
    """target = source, in the same cycle."""

    @always_comb
    def wire():
        target.next = source

    return instances()
