"""The memory of the readout's scores: written by the pipeline, read by the host."""

from myhdl import Signal, always, always_comb, block, instances, intbv, modbv

from volley.rtl.memory.ram import address_bits


@block
def score_store(clk, results, host, shown, design):
    """Keeps ``results.scores`` (CO of them) where ``results.score_target`` says.

    results: ``volley.rtl.pipeline.Results``. shown: CO words of 32 bits, the row
    ``host.row``, a cycle after ``host.read_scores``.
    """
    rows = -(-design.scores // design.co)
    groups = design.ci // design.co
    write_address, read_address = (Signal(modbv(0)[address_bits(rows) :]) for _ in range(2))
    layout = results.layout
    sub = layout.take(results.score_target, "sub")
    group = layout.take(results.score_target, "address")
    write, read, row = results.score_write, host.read_scores, host.row

    @always_comb
    def drive_addresses():
        write_address.next = group * groups + sub
        read_address.next = row

    memory_inst = score_memory(
        clk, write, write_address, results.scores, read, read_address, shown, design
    )
    return instances()


@block
def score_memory(clk, write, write_address, scores, read, read_address, shown, design):
    """The scores of CO outputs a word. Latency of a read: 1."""
    rows = -(-design.scores // design.co)
    return [
        score_column(clk, write, write_address, scores[k], read, read_address, shown[k], rows)
        for k in range(design.co)
    ]


@block
def score_column(clk, write, write_address, score, read, read_address, shown, rows):
    """The scores of one of the CO channels."""
    bits = len(shown)
    words = [Signal(intbv(0)[bits:]) for _ in range(rows)]

    @always(clk.posedge)
    def write_port():
        if write:
            words[write_address].next = score[bits:]

    @always(clk.posedge)
    def read_port():
        if read:
            shown.next = words[read_address]

    return instances()
