"""The slave side of the bus: takes the host's writes and reads, and says when the bus is ready."""

from myhdl import Signal, always_comb, block, instances

from volley.firmware.registers import IMAGE_BUFFER_SHIFT, Region
from volley.rtl.control.host_port import HostCounters, HostRegisters, RegisterWords
from volley.rtl.control.host_read import host_read
from volley.rtl.control.host_write import host_word_counters, host_write


@block
def host_access(clk, bus, running, run_counters, host, data, identity, design):
    """Connects ``bus`` with the ports. host: HostPort; data: HostData; run_counters:
    ``volley.rtl.control.perf_counters.RunCounters``; identity: the constants of registers MAGIC to BOARD.

    A write takes effect within five cycles, with ``reach`` weights within ``volley.rtl.memory.weight.MOST_STEPS`` more, and
    parameters of the last of CO channels within ``volley.rtl.memory.param.HOP`` * CO + 2 more; a read is answered after ``read_cycles(design)``.
    """
    reading, taken = (Signal(bool(0)) for _ in range(2))
    registers, counters = HostRegisters(host), HostCounters()
    region_image, region_spikes = int(Region.IMAGE), int(Region.SPIKES)
    write, address = bus.write, bus.address
    write_inst = host_write(clk, bus, taken, host, registers, design)
    counters_inst = host_word_counters(clk, bus, taken, reading, host, counters)
    register_words = RegisterWords(
        identity, running, bus.session, registers, counters, run_counters
    )
    read_inst = host_read(clk, bus, reading, host, register_words, data, design)
    image_ready = host.image_ready

    @always_comb
    def drive_ready():
        bus.running.next = running
        bus.ready.next = (not reading) and (
            image_ready
            or not write
            or (address[32:28] != region_image and address[32:28] != region_spikes)
        )

    @always_comb
    def drive_streams():
        host.word_accept.next = write and image_ready and address[32:28] == region_spikes
        host.image_accept.next = write and image_ready and address[32:28] == region_image
        host.image_start.next = address[IMAGE_BUFFER_SHIFT:] == 0

    @always_comb
    def drive_taken():
        taken.next = write and not reading

    return instances()
