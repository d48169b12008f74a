"""CRC-32 of zlib over a stream of bytes."""

from myhdl import always, block, instances, intbv

from volley.firmware.frames import CRC_POLYNOMIAL

CRC_BITS = 32


@block
def crc32(clk, clear, valid, data, crc):
    """crc = CRC-32 of the bytes since ``clear``, as zlib gives it; 0 before the first byte.

    data: 8 bits, taken in each cycle in which ``valid`` is set, unless ``clear`` is set as well.
    crc: 32 bits, 0 at power-up. Latency 1.
    """
    ones = (1 << CRC_BITS) - 1

    @always(clk.posedge)
    def update():
        state = intbv(0)[CRC_BITS:]
        if clear:
            crc.next = 0
        elif valid:
            state[:] = crc ^ ones ^ data
            for step in range(8):
                if state[0]:
                    state[:] = (state >> 1) ^ CRC_POLYNOMIAL
                else:
                    state[:] = state >> 1
            crc.next = state ^ ones

    return instances()
