"""Whether a model fits a design, and by how much it does not."""

from __future__ import annotations

import math

from volley.firmware import boards, isa, modelfile, registers
from volley.firmware.compiler.lanes import drops_last, passes_of
from volley.firmware.design import Design


class FitError(ValueError):
    """The model does not fit the design; the text says by how much, and where it would."""


def check_limits(model: modelfile.Model, design: Design) -> None:
    """Raises ``FitError`` where the hardware's own limits, not memory, exclude a model."""
    if len(model.layers) > design.layers:
        raise FitError(f"the model has {len(model.layers)} layers, the design {design.layers}")
    _check_options(model, design)
    channels, height, width = model.layers[0].in_shape
    for name, value in (("width", width), ("height", height), ("channels", channels)):
        largest = registers.IMAGE_SHAPE[name].largest
        if value > largest:
            raise FitError(f"the input's {name} is {value}, the design takes up to {largest}")
    for layer in model.layers:
        fan_in = math.prod(int(n) for n in layer.weight_shape[1:])
        # the psum of a readout runs on over the passes
        passes = passes_of(layer, model) if layer.readout else 1
        if fan_in * passes > isa.MAX_FAN_IN:
            over = f" in {passes} passes ({model.ticks} ticks)" if passes > 1 else ""
            raise FitError(
                f"layer {layer.name}: {fan_in} inputs a neuron{over}, the psum of {isa.PSUM_BITS} "
                f"bits holds {isa.MAX_FAN_IN // passes}"
            )
        if layer.kind == "conv" and layer.in_shape[2] > design.row_max:
            raise FitError(
                f"layer {layer.name}: rows of {layer.in_shape[2]} pixels, "
                f"the design's row_max is {design.row_max}; {_row_remedy(layer.in_shape[2])}"
            )
        if layer.readout and layer.outputs > design.scores:
            raise FitError(
                f"layer {layer.name}: {layer.outputs} scores, the design keeps {design.scores}"
            )


def _check_options(model: modelfile.Model, design: Design) -> None:
    """Raises ``FitError`` for a layer that needs an option which the design is built without."""
    for layer in model.layers:
        for option, needed, what in (
            ("leak", layer.leak > 0, f"its neurons leak (leak {layer.leak})"),
            (
                "odd",
                drops_last(layer, model, design),
                f"it pools rows of {layer.in_shape[2]} pixels",
            ),
        ):
            if needed and not getattr(design, option):
                known = boards.usable()
                have = ", ".join(board.name for board in known if getattr(board.design, option))
                raise FitError(
                    f"layer {layer.name}: {what}, the design has no {option} ({option} = 0); "
                    f"boards that have it: {have or 'none'}; or build the board with --set {option}=1"
                )


def _row_remedy(pixels: int) -> str:
    """What to do about rows of so many pixels."""
    needed = 1 << (pixels - 1).bit_length()
    known = boards.usable()
    wide = ", ".join(board.name for board in known if board.design.row_max >= pixels)
    told = f"boards with such rows: {wide}" if wide else "no board has such rows as it is"
    return f"build the board with --set row_max={needed}; {told}"


def memory_needs(
    spike_words: int, weight_words: int, param_words: int, program_words: int = 0
) -> dict[str, int]:
    """Words of each memory that a program needs, by the name of the design's parameter."""
    return {
        "spike_words": spike_words,
        "weight_words": weight_words,
        "param_words": param_words,
        "program_words": program_words,
    }


def excess(needs: dict[str, int], design: Design) -> dict[str, tuple[int, int]]:
    """{parameter: (words needed, words there)} for the memories that are too small."""
    return {
        name: (words, getattr(design, name))
        for name, words in needs.items()
        if words > getattr(design, name)
    }


def describe_excess(model, over, design) -> str:
    """The message of a ``FitError``: what is over, and by how many bytes."""
    sizes = design.word_bytes()
    parts = [
        f"{name} {words} of {there} ({math.ceil((words - there) * sizes[name])} bytes too many)"
        for name, (words, there) in over.items()
    ]
    return f"model {model.name!r} does not fit: it needs {', '.join(parts)}"
