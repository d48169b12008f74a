"""The driver through BAR0 of a board in Python: equal to golden, and clear when it cannot be."""

import dataclasses

import numpy as np
import pytest

from tests.support.fake_device import SMALL, FakeBoard, small_program
from tests.support.fake_pcie import FakeBar
from tests.support.random_models import network, random_model
from volley.firmware import pcie
from volley.firmware.pcie import CONTROL_PLACE, ERRORS, WINDOW_PLACE, Control, control
from volley.firmware.registers import (
    BEFORE,
    IDENTITY_WORDS,
    MAGIC,
    STATUS_ADDRESS,
    Region,
    Register,
    address,
)
from volley.firmware.stream import spike_address
from volley.host import Device, DeviceError, LinkError, TransportError
from volley.host.pcie.bar_link import MEANINGS, BarLink
from volley.model import golden


@pytest.fixture
def bar():
    return FakeBar()


@pytest.fixture
def link(bar):
    link = BarLink(bar)
    assert link.identify(IDENTITY_WORDS)[Register.MAGIC] == MAGIC
    return link


def overlapping():
    """A model with a readout whose pictures take turns in two buffers."""
    return network("8C3-P2-10", (1, 12, 12))


def check_device(bar, program, loaded, images):
    """Results, maps and counters over the BAR are those of golden."""
    wanted = golden.run(loaded, images)
    with Device(BarLink(bar)) as device:
        device.load(program, verify=True)
        results = list(device.infer_many(images)) + [device.infer(images[0])]
        for index, result in enumerate(results):
            k = index % len(images)
            np.testing.assert_array_equal(result.scores, wanted.scores[k])
            assert result.label == wanted.labels[k]
            assert result.spikes == wanted.spike_counts[k].tolist()
            assert result.cycles == sum(result.layer_cycles) > 0
        for layer, place in enumerate(program.layers):
            if not place.readout:
                found = device.trace_map(images[1], layer)
                np.testing.assert_array_equal(found, wanted.maps[layer][1])
    assert bar.closed


@pytest.mark.parametrize("seed", range(6))
def test_results_and_maps_are_the_golden_models(bar, seed):
    model = random_model(seed)
    program, loaded = small_program(model)
    check_device(bar, program, loaded, model.images(3))
    assert not any(bar.errors.values())


@pytest.mark.parametrize(
    "settings, text",
    [({"weight_words": 32, "param_words": 12}, "12C3-10C3-P2-10"), ({"spike_words": 80}, "12C3-10C3-P2-10")],
    ids=["weights streamed", "maps spilled"],
)  # fmt: skip
def test_programs_of_segments(bar, settings, text):
    model = network(text, (1, 12, 12))
    program, loaded = small_program(model, dataclasses.replace(SMALL, **settings))
    assert program.segments
    program.design = SMALL
    check_device(bar, program, loaded, model.images(2))


def test_a_picture_beyond_one_window():
    """More words than the window holds: the stream goes on behind the next PAGE."""
    design = dataclasses.replace(SMALL, row_max=128, spike_words=8192)
    model = network("2C3-P2-4", (4, 96, 96))
    program, loaded = small_program(model, design)
    images = model.images(2)
    assert images[0].size > 4 * pcie.WINDOW_WORDS
    bar = FakeBar(FakeBoard(design))
    with Device(BarLink(bar)) as device:
        device.load(program)
        found = [result.scores for result in device.infer_many(images)]
    np.testing.assert_array_equal(found, golden.run(loaded, images).scores)


@pytest.mark.parametrize("run_s", [0.0, 0.005])
def test_every_word_is_stored_once_and_uploads_overlap(run_s):
    model = overlapping()
    program, loaded = small_program(model)
    images = model.images(6)
    bar = FakeBar(FakeBoard(run_s=run_s))
    with Device(BarLink(bar)) as device:
        device.load(program)
        bar.events.clear()
        found = [result.scores for result in device.infer_many(images)]
        np.testing.assert_array_equal(found, golden.run(loaded, images).scores)
        assert device.read_register(Register.IMAGE_WORDS) == 6 * -(-images[0].size // 4)
    stored = [(place, size) for kind, place, size in bar.events if kind == "store"]
    runs = [at for at, access in enumerate(stored) if access == (control(Control.RUN), 1)]
    assert len(runs) == len(images)
    pages = [at for at, access in enumerate(stored) if access == (control(Control.PAGE), 1)]
    assert len(pages) == len(images), "one PAGE a picture: the buffers take turns"
    uploads = [sum(size for place, size in stored[a:b] if place >= WINDOW_PLACE)
               for a, b in zip([0, *runs], runs)]  # fmt: skip
    assert uploads == [-(-images[0].size // 4)] * len(images)


def test_words_are_read_back_across_windows_and_odd_places(link):
    words = np.random.default_rng(1).integers(0, 1 << 16, 999, np.uint32)
    start = address(Region.WEIGHTS, 3)
    link.write(start, words)
    assert link.read(start, len(words)) == words.tolist()
    assert link.read(start + 1, 4) == words[1:5].tolist()


def test_spikes_are_a_stream_that_begins_anywhere(link, bar):
    columns = SMALL.spike_columns
    for word in (5, 2, 6):
        where = spike_address(1, word, columns)
        link.write(where, np.arange(word, word + 2 * columns, dtype=np.uint32))
        assert link.read(where, 2 * columns) == list(range(word, word + 2 * columns))
    assert not any(bar.errors.values())


@pytest.mark.parametrize("name", ERRORS)
def test_each_error_has_a_meaning_and_is_cleared(link, bar, name):
    bar.errors[name] = 1
    with pytest.raises(LinkError, match=MEANINGS[name]):
        link.read(0, 1)
    assert link.read(0, 1) == [MAGIC]


def test_a_word_that_is_dropped_in_a_picture_gives_no_result(bar):
    model = overlapping()
    program, _ = small_program(model)
    with Device(BarLink(bar)) as device:
        device.load(program)
        runs, images, stored = bar.board.simulator.runs, model.images(3), bar.store_block

        def lose(place, words):
            if place >= WINDOW_PLACE and bar.board.simulator.runs == runs + 1:
                stored(place, words[:2])
                stored(place + 3, words[3:])
            else:
                stored(place, words)

        bar.store_block = lose
        with pytest.raises(LinkError, match="came out of order and was dropped"):
            list(device.infer_many(images))
        assert bar.board.simulator.runs == runs + 1, "the picture that was damaged never ran"


@pytest.mark.parametrize("when", ["idle", "in a run", "in an upload"])
def test_a_board_that_is_gone_gives_no_result(bar, when):
    model = overlapping()
    program, _ = small_program(model)
    device = Device(BarLink(bar))
    device.load(program)
    images = model.images(8)

    def go():
        for number, _ in enumerate(device.infer_many(images)):
            if number == 3:
                bar.gone = True

    if when == "in a run":
        bar.board.run_s = 0.01
    if when == "in an upload":
        stored = bar.store_block

        def leave(place, words):
            stored(place, words)
            bar.gone |= place >= WINDOW_PLACE

        bar.store_block = leave
    with pytest.raises(TransportError, match="the board is gone, it reads all ones"):
        bar.gone = when == "idle"
        device.infer(images[0]) if when != "in a run" else go()
    assert device.link.broken
    with pytest.raises(TransportError, match="gone"):
        device.read_register(Register.RUNS)
    device.close()


def test_a_board_that_is_gone_from_the_start(bar):
    bar.gone = True
    with pytest.raises(TransportError, match="gone.*rescan"):
        Device(BarLink(bar))


def test_a_board_that_was_reset_is_noticed(link, bar):
    link.read(address(Region.WEIGHTS), 1)
    bar.reset()
    with pytest.raises(TransportError, match="PAGE is 0.*the board was reset"):
        link.status()


@pytest.mark.parametrize("runs", [0, 1, 2])
def test_a_board_that_was_reset_gives_no_result(bar, runs):
    """Its number of runs and PAGE are the session's: the session's number alone is not."""
    model = overlapping()
    program, _ = small_program(model)
    pictures = model.images(3)
    with Device(BarLink(bar)) as device:
        device.load(program)
        for picture in pictures[:runs]:
            device.infer(picture)
        page = bar.page
        bar.board.reset()
        bar.reset()
        bar.page, bar.board.simulator.runs = page, runs
        with pytest.raises(LinkError, match="session 0x0000.*reset or exchanged"):
            device.infer(pictures[runs])


def test_another_user_of_the_board_is_noticed(bar):
    model = overlapping()
    program, _ = small_program(model)
    with Device(BarLink(bar)) as device:
        device.load(program)
        bar.board.simulator.runs += 1
        with pytest.raises(DeviceError, match="another program uses it"):
            device.infer(model.images(1)[0])


def test_no_volley_board(bar):
    bar.board.identity[Register.MAGIC] = 5
    with pytest.raises(DeviceError, match="no Volley board: its magic is 0x00000005"):
        Device(BarLink(bar))


def test_a_program_that_hangs_is_stopped(bar):
    model = overlapping()
    program, loaded = small_program(model)
    image = model.images(1)[0]
    with Device(BarLink(bar)) as device:
        device.load(program)
        device.run_timeout, bar.board.hang = 0.05, True
        with pytest.raises(DeviceError, match="did not end within 0.05 s and was stopped"):
            device.infer(image)
        bar.board.hang = False
        np.testing.assert_array_equal(
            device.infer(image).scores, golden.run(loaded, image[None]).scores[0]
        )


def test_results_of_a_run_are_loaded_while_the_next_one_is_under_way(bar):
    """And a picture is in its buffer, and its RUN on the board, before the run before ends."""
    model = overlapping()
    program, loaded = small_program(model)
    images = model.images(5)
    bar.board.run_s, states = 0.02, []
    load = bar.load_block

    def watch(place, count):
        if place >= CONTROL_PLACE or place < BEFORE:
            return load(place, count)
        states.append((bar.board.running, bar.waiting, bar.board.simulator.runs))
        return load(place, count)

    bar.load_block = watch
    with Device(BarLink(bar)) as device:
        device.load(program)
        runs = bar.board.simulator.runs
        found = [result.scores for result in device.infer_many(images)]
    np.testing.assert_array_equal(found, golden.run(loaded, images).scores)
    assert {state[2] - runs for state in states} == {2, 3, 4, 5}
    assert all(running and waiting is None for running, waiting, _ in states)


def test_a_run_that_waits_too_long_is_taken_back(bar):
    model = overlapping()
    program, loaded = small_program(model)
    images = model.images(3)
    with Device(BarLink(bar)) as device:
        device.load(program)
        device.run_timeout, bar.board.hang = 0.05, True
        with pytest.raises(DeviceError, match="did not end within 0.05 s and was stopped"):
            list(device.infer_many(images))
        assert bar.waiting is None and not bar.board.running
        bar.board.hang = False
        wanted = golden.run(loaded, images).scores
        found = [result.scores for result in device.infer_many(images)]
        np.testing.assert_array_equal(found, wanted)


def test_a_run_under_way_is_stopped_when_a_session_begins(bar):
    bar.board.hang, bar.board.ends = True, 1.0
    with Device(BarLink(bar)):
        assert not bar.board.running


def test_a_memory_is_not_read_in_a_run(link, bar):
    bar.board.hang, bar.board.ends = True, 1.0
    assert link.status()
    with pytest.raises(LinkError, match="a memory was read while a program ran"):
        link.read(address(Region.WEIGHTS), 2)
    assert link.read(0, 1) == [MAGIC]


def test_stopping_early_leaves_the_device_usable(bar):
    model = overlapping()
    program, loaded = small_program(model)
    images = model.images(8)
    wanted = golden.run(loaded, images).scores
    with Device(BarLink(bar)) as device:
        device.load(program)
        result = next(iter(device.infer_many(images)))
        np.testing.assert_array_equal(result.scores, wanted[0])
        np.testing.assert_array_equal(device.infer(images[5]).scores, wanted[5])


def test_only_words_that_say_something_are_loaded(bar):
    """A load takes a microsecond or two."""
    model = overlapping()
    program, _ = small_program(model)
    with Device(BarLink(bar)) as device:
        device.load(program)
        bar.events.clear()
        list(device.infer_many(model.images(6)))
    loads = {(place, size) for kind, place, size in bar.events if kind == "load"}
    control_words = {(CONTROL_PLACE, 2), (control(Control.ERRORS), 1)}
    head = {(STATUS_ADDRESS, 2), (STATUS_ADDRESS + 2, 2)}
    layers = {(Register.LAYERS + 2 * k, 2) for k in range(len(program.layers))}
    scores = {(Register.SCORES + k, 2) for k in range(0, 10, 2)}
    results = head | layers | scores
    before = {(BEFORE + place, size) for place, size in results}
    assert loads == control_words | before | results, (
        "those of the last run are where they always are"
    )
