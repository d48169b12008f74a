"""The program simulator: executes a program instruction by instruction on arrays.

It knows the memory map, the instructions and the descriptors, nothing of the model: what it
computes, it computes from the words that a host would write. Many pictures run side by side.
"""

from __future__ import annotations

import numpy as np

from volley.firmware import isa, registers
from volley.firmware.design import Design
from volley.firmware.fields import signed, unpack
from volley.firmware.isa import BANKS, LANES, MEMBRANE_MAX, MEMBRANE_MIN, TAPS, Opcode
from volley.firmware.registers import Region, Register
from volley.firmware.simulator import packing
from volley.firmware.simulator.threads import one_thread

ADDRESSES = 1 << isa.INSTRUCTION["in_row"].width
SCORE_MAX = (1 << (isa.SCORE_BITS - 1)) - 1
EXACT = 1 << 24  # float32 holds every integer up to here
COUNTED = (
    Register.IMAGE_WORDS, Register.MODEL_WORDS, Register.SPIKES_WRITTEN, Register.SPIKES_READ
)  # fmt: skip


class ProgramError(ValueError):
    """A program does what the hardware cannot: an unknown opcode, an address outside a memory."""


class Simulator:
    """The accelerator's memories and what a run does with them.

    design: the build. batch: pictures that run side by side.
    spikes: uint8 [bank, word, picture, channel], bit t of a byte = spike of tick t.
    scores: int64 [picture, output]. layer_cycles: int64 [layer]; layer_spikes: int64
    [picture, layer]; both as the hardware counts them. Cycles of fill, drain and fetch are not
    modelled.
    """

    def __init__(self, design: Design, batch: int = 1):
        self.design, self.batch = design, batch
        self.words = {
            Region.PROGRAM: np.zeros(design.program_words, np.uint32),
            Region.DESCRIPTORS: np.zeros(design.layers * isa.DESCRIPTOR_WORDS, np.uint32),
        }
        self.weights = np.zeros((TAPS, design.weight_words * design.weight_columns), np.uint32)
        self.params = np.zeros(
            (len(registers.PARAM_KINDS), design.param_words * design.co), np.int64
        )
        self.spikes = np.zeros((BANKS, design.spike_words, batch, design.ci), np.uint8)
        self.scores = np.zeros((batch, design.scores), np.int64)
        self.registers: dict[int, int] = {}
        self.layer_cycles = np.zeros(design.layers, np.int64)
        self.layer_spikes = np.zeros((batch, design.layers), np.int64)
        self.runs = self.session = 0
        self._before: list[int] = []  # registers as the run before the last has left them
        self.moved = dict.fromkeys(COUNTED, 0)
        self._stream = bytearray()
        self._ordered: dict[
            tuple, np.ndarray
        ] = {}  # weights by descriptor, until others are written

    # the bus

    def write(self, address: int, words) -> None:
        """Writes 32-bit words from an address on, as the hardware would."""
        region, index = Region(address >> registers.REGION_SHIFT), address & 0xFFFFFFF
        words = np.asarray(words, np.uint32)
        if Region.PROGRAM <= region <= Region.PARAMS:
            self.moved[Register.MODEL_WORDS] += len(words)
        bank, row = index >> registers.BANK_SHIFT, index & ((1 << registers.BANK_SHIFT) - 1)
        if region in self.words:
            self._put(self.words[region], index, words, region)
        elif region == Region.WEIGHTS:
            self._ordered.clear()
            self._put(self.weights[bank], row, words, region)
        elif region == Region.PARAMS:
            bits = self._param_bits(bank)
            values = [signed(int(word), bits) for word in words]
            self._put(self.params[bank], row, np.array(values, np.int64), region)
        elif region == Region.REGISTERS:
            for number, word in enumerate(words, index):
                self.registers[number] = int(word)
        elif region == Region.SPIKES:
            self._write_spikes(bank, row, words)
        elif region == Region.IMAGE:
            self.moved[Register.IMAGE_WORDS] += len(words)
            self._write_stream(index, words)
        else:
            raise ProgramError(f"region {region.name} cannot be written")

    def read(self, address: int, count: int = 1) -> list[int]:
        """Reads 32-bit words from an address on; spikes, scores and counters of picture 0."""
        region, index = Region(address >> registers.REGION_SHIFT), address & 0xFFFFFFF
        bank, row = index >> registers.BANK_SHIFT, index & ((1 << registers.BANK_SHIFT) - 1)
        if region in self.words:
            return [int(word) for word in self.words[region][index : index + count]]
        if region == Region.WEIGHTS:
            return [int(word) for word in self.weights[bank][row : row + count]]
        if region == Region.PARAMS:
            mask = (1 << self._param_bits(bank)) - 1
            return [int(word) & mask for word in self.params[bank][row : row + count]]
        if region == Region.SPIKES:
            self.moved[Register.SPIKES_READ] += count
            flat = np.ascontiguousarray(self.spikes[bank, :, 0, :]).reshape(-1).view("<u4")
            return [int(word) for word in flat[row : row + count]]
        if region == Region.REGISTERS:
            return [self._register(number) for number in range(index, index + count)]
        raise ProgramError(f"region {region.name} cannot be read")

    def load(self, program) -> None:
        """Writes all sections and registers of a ``volley.firmware.program.Program``."""
        for address, words in program.sections:
            self.write(address, words)
        for number, value in program.registers.items():
            self.registers[number] = value

    def load_pictures(self, pictures, buffer: int = 0) -> None:
        """Puts uint8 pictures [batch, channels, height, width] into an input buffer."""
        shape = self._image_shape()
        wanted = (self.batch, shape["channels"], shape["height"], shape["width"])
        if pictures.shape != wanted:
            raise ProgramError(f"pictures of shape {pictures.shape}, wanted is {wanted}")
        ci = self.design.ci
        base = self.registers.get(Register.IMAGE_BASE_1 if buffer else Register.IMAGE_BASE_0, 0)
        groups = -(-shape["channels"] // ci)
        filled = np.zeros((self.batch, groups * ci, *pictures.shape[2:]), np.uint8)
        filled[:, : shape["channels"]] = pictures
        for y in range(shape["height"]):
            words = filled[:, :, y].reshape(self.batch, groups, ci, -1).transpose(1, 3, 0, 2)
            start = base + y // BANKS * self.registers[Register.IMAGE_STRIDE]
            self.spikes[y % BANKS, start : start + groups * shape["width"]] = words.reshape(
                -1, self.batch, ci
            )

    @staticmethod
    def _param_bits(kind):
        return isa.PARAM_BITS[registers.PARAM_KINDS[kind]]

    def _put(self, memory, index, words, region):
        if index + len(words) > len(memory):
            raise ProgramError(
                f"{region.name}: {len(words)} words at {index} pass the end at {len(memory)}"
            )
        memory[index : index + len(words)] = words

    def _write_spikes(self, bank, row, words):
        """Whole words of the spike memory, the same for all pictures."""
        self.moved[Register.SPIKES_WRITTEN] += len(words)
        rest = row % self.design.spike_columns, len(words) % self.design.spike_columns
        if any(rest):
            raise ProgramError(f"spikes: columns {row} .. {row + len(words)} are not whole words")
        rows = words.astype("<u4").view(np.uint8).reshape(-1, 1, self.design.ci)
        self._put(self.spikes[bank], row // self.design.spike_columns, rows, Region.SPIKES)

    def _image_shape(self):
        return unpack(registers.IMAGE_SHAPE, [self.registers.get(Register.IMAGE_SHAPE, 0)])

    def _write_stream(self, index, words):
        buffer = index >> registers.IMAGE_BUFFER_SHIFT
        if index & ((1 << registers.IMAGE_BUFFER_SHIFT) - 1) == 0:
            self._stream = bytearray()
        self._stream += words.astype("<u4").tobytes()
        shape = self._image_shape()
        size = shape["channels"] * shape["height"] * shape["width"]
        if len(self._stream) >= size:
            picture = np.frombuffer(bytes(self._stream[:size]), np.uint8)
            picture = picture.reshape(1, shape["height"], shape["width"], shape["channels"])
            self.load_pictures(picture.transpose(0, 3, 1, 2), buffer)

    def _register(self, number):
        if number >= registers.BEFORE:
            number -= registers.BEFORE
            counted = number in (Register.CYCLES, Register.RUNS) or number >= Register.LAYERS
            return self._before[number] if counted and self._before else self._register(number)
        if number >= Register.SCORES:
            return int(self.scores[0, number - Register.SCORES]) & 0xFFFFFFFF
        if number >= Register.LAYERS:
            layer, kind = divmod(number - Register.LAYERS, 2)
            return int(self.layer_spikes[0, layer] if kind else self.layer_cycles[layer])
        if number == Register.CYCLES:
            return int(self.layer_cycles.sum())
        if number == Register.RUNS:
            return self.runs
        if number == Register.SESSION:
            return self.session
        if number in self.moved:
            return self.moved[number] & 0xFFFFFFFF
        return self.registers.get(number, 0)

    # a run

    def run(self, entry: int = 0) -> None:
        """Runs the program at word ``entry`` of program memory to its HALT."""
        with one_thread():
            self._run(entry)

    def _run(self, entry):
        last = Register.SCORES + self.design.scores
        self._before = [self._register(number) for number in range(last)]
        self.layer_cycles[:] = 0
        self.layer_spikes[:] = 0
        self.runs += 1
        program = self.words[Region.PROGRAM]
        while True:
            if entry + isa.INSTRUCTION_WORDS > len(program):
                raise ProgramError(f"no HALT before the end of program memory at {len(program)}")
            instruction = unpack(isa.INSTRUCTION, program[entry : entry + isa.INSTRUCTION_WORDS])
            if instruction["opcode"] == Opcode.HALT:
                return
            if instruction["opcode"] != Opcode.ROWS:
                raise ProgramError(f"opcode {instruction['opcode']} at {entry} is unknown")
            index = instruction["layer"] * isa.DESCRIPTOR_WORDS
            words = self.words[Region.DESCRIPTORS][index : index + isa.DESCRIPTOR_WORDS]
            try:
                self._rows(instruction, unpack(isa.DESCRIPTOR, words))
            except (IndexError, ValueError, AttributeError) as error:
                if isinstance(error, ProgramError):
                    raise
                raise ProgramError(
                    f"the instruction at {entry} and its descriptor do not go together ({error})"
                ) from None
            entry += isa.INSTRUCTION_WORDS

    def _rows(self, ins, des):
        """One ROWS instruction; see the loop nest at ``Opcode.ROWS``."""
        layer, first, count = ins["layer"], ins["row"], ins["rows"]
        passes, dense = des["passes"], des["dense"]
        self.layer_cycles[layer] += isa.rows_cycles(ins, des, self.design.leak, self.design.share)
        key = tuple(des.values())
        if key not in self._ordered:
            self._ordered[key] = self._layer_weights(des)
        weights = self._ordered[key]
        rows = self._input_rows(ins, des)
        if dense:
            psums = []
            for part in range(passes):
                words = rows[1 : 1 + count, 0 if des["encode"] else part, :, : des["width"]]
                words = words.reshape(-1, self.batch, self.design.ci).transpose(1, 0, 2)
                inputs = words.reshape(self.batch, 1, 1, -1)
                psums.append(self._psums(inputs, weights, des))
            self._finish(ins, des, 0, np.concatenate(psums))
            return
        for number in range(count):
            psums = []
            for part in range(passes):
                band = rows[number : number + 3, 0 if des["encode"] else part].copy()
                inputs = self._under_kernel(band, first + number, des)
                psums.append(self._psums(inputs, weights, des))
            self._finish(ins, des, number, np.concatenate(psums))

    def _under_kernel(self, band, y, des):
        """What the array sees of three rows [row, group, x, picture, channel] of one pass.

        Returns [picture, 1, x, inputs in beat order].
        """
        if not des["kernel3"]:
            inputs = band[1].transpose(2, 1, 0, 3)  # [picture, x, group, channel]
        else:
            if y == 0:
                band[0] = 0
            if y == des["height"] - 1:
                band[2] = 0
            padded = np.pad(band, ((0, 0), (0, 0), (1, 1), (0, 0), (0, 0)))
            width = band.shape[2]
            taps = [padded[k // 3, :, k % 3 : k % 3 + width] for k in range(TAPS)]
            inputs = np.stack(taps).transpose(3, 2, 0, 1, 4)  # [picture, x, tap, group, channel]
        return inputs.reshape(self.batch, 1, inputs.shape[1], -1)

    def _layer_weights(self, des):
        """Weights in {-1, +1} as float32 [inputs in beat order, output channel]."""
        ci, co, columns = self.design.ci, self.design.co, self.design.weight_columns
        out_groups, base, step = des["out_groups"], des["weight_base"], des["weight_step"]
        words = self.weights.reshape(TAPS, -1, columns)[:, base : base + out_groups * step]
        if words.shape[1] != out_groups * step:
            raise ProgramError(f"weights {base} .. {base + out_groups * step} pass the end")
        bits = np.unpackbits(np.ascontiguousarray(words).view(np.uint8), axis=-1, bitorder="little")
        bits = bits[..., : ci * co].reshape(TAPS, out_groups, step, co, ci)
        if des["kernel3"]:
            ordered = bits.transpose(0, 2, 4, 1, 3)  # tap, input group, ci, output group, co
        else:
            ordered = bits.transpose(2, 0, 4, 1, 3)  # the taps are consecutive beats
            beats = des["in_groups"] * (des["height"] * des["width"] if des["dense"] else 1)
            ordered = ordered.reshape(step * TAPS, ci, out_groups, co)[:beats]
        weights = ordered.reshape(-1, out_groups * co).astype(np.float32) * 2 - 1
        if des["pair"]:  # bits 4 to 7 of a picture
            weights[1::2] *= 1 << LANES // 2
        return weights

    def _input_rows(self, ins, des):
        """The rows row - 1 .. row + rows of the ring: [row, pass, group, x, picture, channel].

        x: pixels, those of packed words apart, up to the end of the last word.
        """
        address, bank = ins["in_row"], ins["in_bank"]
        groups, width, stride = des["in_groups"], des["width"], des["in_stride"]
        pack = des["pair"] if des["encode"] else des["pack"]
        if des["dense"]:
            width = -(-width // (1 << pack))
        stored = 1 if des["encode"] else des["passes"]
        size = stored * groups * width
        rows = []
        for _ in range(ins["rows"] + 2):
            words = self.spikes[bank, address : address + size]
            if len(words) != size:
                # beyond the map's last row; masked as padding
                words = np.zeros((size, self.batch, self.design.ci), np.uint8)
            rows.append(words.reshape(stored, groups, width, self.batch, self.design.ci))
            address, bank = self._advance(address, bank, stride, des["in_base"], des["in_end"])
        return packing.unpack(np.stack(rows), pack)

    @staticmethod
    def _advance(address, bank, stride, base, end):
        if bank < BANKS - 1:
            return address, bank + 1
        address += stride
        return (base if address == end else address % ADDRESSES), 0

    def _psums(self, inputs, weights, des):
        """int64 [lane, picture, row, x, output channel]."""
        bits = np.stack([(inputs >> lane) & 1 for lane in range(LANES)])
        psums = bits.astype(np.float32).reshape(-1, inputs.shape[-1]) @ weights
        psums = psums.astype(np.int64)
        assert np.abs(psums).max(initial=0) < EXACT
        return psums.reshape(LANES, *inputs.shape[:3], -1)

    def _finish(self, ins, des, number, psums):
        """Scale, fire, pool and write one row; psums: the lanes of all passes."""
        channels = psums.shape[-1]
        base = des["param_base"] * self.design.co
        bias, threshold, v_init = self.params[:, base : base + channels]
        if des["encode"]:
            combined = sum(psums[lane] << lane for lane in range(LANES))  # the same in each pass
        else:
            combined = psums.sum(axis=0)
        if des["readout"]:
            scores = np.clip(combined * des["scale"] - bias, -SCORE_MAX - 1, SCORE_MAX)
            first = ins["out_row"] * self.design.ci
            kept = min(channels, self.design.scores - first)
            self.scores[:, first : first + kept] = scores[:, 0, 0, :kept]
            return
        v = np.broadcast_to(v_init, psums.shape[1:]).astype(np.int64)
        row = np.zeros((des["passes"], self.batch, *psums.shape[3:]), np.uint8)
        for tick in range(des["passes"] * LANES):
            x = combined if des["encode"] else psums[tick]
            v = np.clip(v + x * des["scale"] - bias, MEMBRANE_MIN, MEMBRANE_MAX)
            fired = v >= threshold
            row[tick // LANES] |= fired[:, 0].astype(np.uint8) << np.uint8(tick % LANES)
            reset = np.where(fired, v - threshold if des["soft"] else 0, v)
            if des["leak"]:
                base = v if des["soft"] and des["leak_first"] else reset
                reset = reset - ((base + (1 << des["leak"] >> 1)) >> des["leak"])
            v = reset
        pack = des["pack"]
        beat = 1 << (des["pair"] if des["encode"] else pack)  # pixels
        if beat > 1 and not des["dense"]:
            # lanes that are kept: of each pixel its ticks, of the last beat some pixels
            row &= np.uint8((1 << (LANES >> pack)) - 1)
            kept = np.uint8(des["last_lanes"]).reshape(1, 1, 1, 1, 1, 1)
            row[:, :, -beat:] &= packing.unpack(kept, pack).reshape(-1, 1)[:beat]
        else:
            row[-1] &= des["last_lanes"]
        if des["drop_last"]:
            row = row[:, :, :-beat]
        self.layer_spikes[:, ins["layer"]] += np.bitwise_count(row).sum((0, 2, 3), np.int64)
        if des["pool"]:
            row = row[:, :, 0::2] | row[:, :, 1::2]
            if (ins["row"] + number) % 2 == 0:
                self._above = row
                return
            row = row | self._above
            number //= 2
        self._write_row(ins, des, number, packing.pack_row(row, pack))

    def _write_row(self, ins, des, number, row):
        """Writes a row [pass, picture, word, channel]; channels up to the word's end become 0."""
        address, bank = ins["out_row"], ins["out_bank"]
        for _ in range(number):
            address, bank = self._advance(
                address, bank, des["out_stride"], des["out_base"], des["out_end"]
            )
        ci = self.design.ci
        groups = -(-row.shape[3] // ci)
        filled = np.zeros((*row.shape[:3], groups * ci), np.uint8)
        filled[..., : row.shape[3]] = row
        words = filled.reshape(*row.shape[:3], groups, ci).transpose(0, 3, 2, 1, 4)
        width = des["out_width"]
        for part in range(len(row)):
            for group in range(groups):
                start = address + part * des["out_pass"] + group * width
                if start + width > self.design.spike_words:
                    raise ProgramError(f"output row at word {start} of bank {bank} passes the end")
                self.spikes[bank, start : start + width] = words[part, group]
