"""Writes of the host: into the memories, the registers, and the streams of pictures and spikes."""

from myhdl import always, always_comb, block, instances

from volley.firmware.registers import BANK_SHIFT, IMAGE_BUFFER_SHIFT, Region, Register
from volley.rtl.memory.ram import column_bits


@block
def host_write(clk, bus, taken, host, registers, design):
    """Drives the write side of ``host`` and ``registers``.

    taken: a word is written in this cycle. A write takes effect as ``host_access`` says.
    """
    columns_spike = column_bits(design.spike_columns)
    columns_weight = column_bits(design.weight_columns)
    columns_param = column_bits(design.neurons)
    design_weight_columns, design_spike_columns = design.weight_columns, design.spike_columns
    design_neurons = design.neurons
    weight_port, param_port = host.weights, host.params
    weight_bits = len(weight_port.data)
    weight_column_bits, param_channel_bits = len(weight_port.column), len(param_port.channel)
    word_bits, base_bits = len(host.word_address), len(host.image_base)
    write, address, write_data = bus.write, bus.address, bus.write_data

    @always_comb
    def choose_buffer():
        if address[IMAGE_BUFFER_SHIFT]:
            host.image_base.next = registers.image_base_1
        else:
            host.image_base.next = registers.image_base_0

    @always_comb
    def drive_word_address():
        host.word_column.next = address[4:] & (design_spike_columns - 1)
        host.word_bank.next = address[BANK_SHIFT + 2 : BANK_SHIFT]
        host.word_address.next = address[word_bits + columns_spike : columns_spike]

    @always(clk.posedge)
    def write_memories():
        weight_port.write.next = taken and address[32:28] == Region.WEIGHTS
        param_port.write.next = taken and address[32:28] == Region.PARAMS
        host.program_write.next = taken and address[32:28] == Region.PROGRAM
        host.descriptor_write.next = taken and address[32:28] == Region.DESCRIPTORS
        if write:
            weight_port.tap.next = address[BANK_SHIFT + 4 : BANK_SHIFT]
            weight_port.column.next = address[weight_column_bits:] & (design_weight_columns - 1)
            weight_port.address.next = address[BANK_SHIFT:columns_weight]
            weight_port.data.next = write_data[weight_bits:]
            param_port.kind.next = address[BANK_SHIFT + 2 : BANK_SHIFT]
            param_port.channel.next = address[param_channel_bits:] & (design_neurons - 1)
            param_port.address.next = address[BANK_SHIFT:columns_param]
            param_port.data.next = write_data
            host.index.next = address[BANK_SHIFT:]
            host.data.next = write_data

    @always(clk.posedge)
    def write_registers():
        host.stop.next = False
        if taken and address[32:28] == Region.REGISTERS:
            if address[BANK_SHIFT:] == Register.CONTROL:
                host.stop.next = write_data[0]
            elif address[BANK_SHIFT:] == Register.IMAGE_BASE_0:
                registers.image_base_0.next = write_data[base_bits:]
            elif address[BANK_SHIFT:] == Register.IMAGE_BASE_1:
                registers.image_base_1.next = write_data[base_bits:]
            elif address[BANK_SHIFT:] == Register.IMAGE_SHAPE:
                host.image_shape.next = write_data
            elif address[BANK_SHIFT:] == Register.IMAGE_STRIDE:
                host.image_stride.next = write_data[base_bits:]

    return instances()


@block
def host_word_counters(clk, bus, taken, reading, host, counters):
    """Counts the words that the host moves; counters: HostCounters."""
    address = bus.address

    @always(clk.posedge)
    def count_words():
        if host.image_accept:
            counters.image.next = counters.image + 1
        if host.word_accept:
            counters.written.next = counters.written + 1
        if taken and address[32:28] >= Region.PROGRAM and address[32:28] <= Region.PARAMS:
            counters.model.next = counters.model + 1
        if bus.read and not reading and address[32:28] == Region.SPIKES:
            counters.read.next = counters.read + 1

    return instances()
