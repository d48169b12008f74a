"""The memory of the readout's scores: written by the pipeline, read by the host."""

from myhdl import Signal, always, always_comb, block, instances, intbv, modbv

from volley.rtl.memory.ram import address_bits, banked_address, banked_words


@block
def score_store(clk, results, host, shown, banks, design):
    """Keeps ``results.scores`` (CO of them) where ``results.score_target`` says.

    results: ``volley.rtl.pipeline.Results``. shown: CO words of 32 bits, the row
    ``host.row``, a cycle after ``host.read_scores``. banks: (of the run, of what the host asks for), bools, or
    (None, None) where there is one.
    """
    rows = -(-design.scores // design.co) << design.share
    groups = design.ci // design.neurons
    write_row, read_row = (Signal(modbv(0)[address_bits(rows) :]) for _ in range(2))
    depth = banked_words(rows, banks[0])
    write_address, read_address = (Signal(modbv(0)[address_bits(depth) :]) for _ in range(2))
    address_insts = [
        banked_address(bank, word, address, rows)
        for bank, word, address in zip(banks, (write_row, read_row), (write_address, read_address))
    ]
    layout = results.layout
    sub = layout.take(results.score_target, "sub")
    group = layout.take(results.score_target, "address")
    write, read, row = results.score_write, host.read_scores, host.row

    @always_comb
    def drive_rows():
        write_row.next = group * groups + sub
        read_row.next = row

    memory_inst = score_memory(
        clk, write, write_address, results.scores, read, read_address, shown, depth
    )
    return instances()


@block
def score_memory(clk, write, write_address, scores, read, read_address, shown, depth):
    """The scores of CO outputs a word, ``depth`` words. Latency of a read: 1."""
    return [
        score_column(clk, write, write_address, scores[k], read, read_address, shown[k], depth)
        for k in range(len(shown))
    ]


@block
def score_column(clk, write, write_address, score, read, read_address, shown, depth):
    """The scores of one of the CO channels."""
    bits = len(shown)
    words = [Signal(intbv(0)[bits:]) for _ in range(depth)]

    @always(clk.posedge)
    def write_port():
        if write:
            words[write_address].next = score[bits:]

    @always(clk.posedge)
    def read_port():
        if read:
            shown.next = words[read_address]

    return instances()
