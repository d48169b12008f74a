"""What users name as files: pipes, devices, folders, loops of links; arrays that promise too much."""

import os
import struct
import threading
import zipfile

import numpy as np
import pytest

from volley.firmware import files, npy


def test_a_pipe_brings_what_is_written_to_it(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    content = bytes(range(256)) * 1000  # more than a pipe holds

    def write():
        with open(path, "wb") as pipe:
            pipe.write(content)

    writer = threading.Thread(target=write)
    writer.start()
    assert files.read_input(path) == content
    writer.join()


def test_a_pipe_that_brings_nothing_or_too_much(tmp_path, monkeypatch):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    monkeypatch.setattr(files, "PIPE_SECONDS", 0.1)
    with pytest.raises(OSError, match="brought nothing for 0 s.*pipe'"):
        files.read_input(path)
    monkeypatch.setattr(files, "PIPE_MOST", 1000)
    write = os.open(path, os.O_RDWR)
    try:
        os.write(write, bytes(1001))
        with pytest.raises(OSError, match="more than 1000 bytes"):
            files.read_input(path)
    finally:
        os.close(write)


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/full", "/dev/null"])
@pytest.mark.parametrize("read", [files.read_input, files.regular])
def test_devices_are_no_files(read, name):
    with pytest.raises(OSError, match=f"is a device, a file is wanted: '{name}'"):
        read(name)


def test_folders_loops_and_pipes_are_no_files(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    for read in (files.read_input, files.regular):
        with pytest.raises(IsADirectoryError):
            read(tmp_path)
        with pytest.raises(OSError, match="Too many levels"):
            read(tmp_path / "loop")
        with pytest.raises(FileNotFoundError):
            read(tmp_path / "none")
    with pytest.raises(OSError, match="is a pipe"):
        files.regular(tmp_path / "pipe")
    (tmp_path / "file").write_bytes(b"x")
    assert files.regular(tmp_path / "file").read_bytes() == b"x"
    assert files.read_input(tmp_path / "file") == b"x"


def test_a_full_device_is_named():
    with pytest.raises(OSError, match="No space left on device: '/dev/full'"):
        files.write_whole("/dev/full", b"x")


def test_a_pipe_without_a_path_of_its_own(tmp_path):
    """/dev/stdout of ``| less``, and ``>(less)``: links of /proc that lead to no path."""
    read, write = os.pipe()
    (tmp_path / "link").symlink_to(f"/proc/self/fd/{write}")
    files.write_whole(f"/proc/self/fd/{write}", b"some")
    files.write_whole(tmp_path / "link", b"thing")
    os.close(write)
    with open(read, "rb") as source:
        assert source.read() == b"something"


def saved(array, **options):
    """The content of a .npy file."""
    import io

    data = io.BytesIO()
    np.save(data, array, **options)
    return data.getvalue()


def promising(shape):
    """A .npy file without any content behind its header."""
    head = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode()
    return npy.MAGIC + b"\1\0" + struct.pack("<H", 118) + head + b"\n"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "EOF|magic"),
        (promising((99999999999, 28, 28)), "78399999999216 bytes, and 0 follow"),
        (promising((-1, 2)), "promises|negative"),
        (saved(np.array([{}], object), allow_pickle=True), "Python objects"),
        (saved(np.zeros(3))[:-1], "24 bytes, and 23 follow"),
        (npy.MAGIC + b"\7\0", "version 7.0|allowed are 1.0"),
    ],
)
def test_arrays_that_are_none(content, told, tmp_path):
    with pytest.raises(npy.NpyError, match=told):
        npy.parse(content)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("train_images.npy", content)
    with pytest.raises(npy.NpyError, match=f"train_images.npy: .*({told})"):
        npy.read_npz(tmp_path / "a.npz")


def test_archives_are_measured_before_they_are_unpacked(tmp_path, monkeypatch):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, a=np.arange(5), b=np.zeros((100, 100)))
    found = npy.read_npz(path)
    assert found["a"].tolist() == [0, 1, 2, 3, 4] and found["b"].shape == (100, 100)
    monkeypatch.setattr(npy, "LARGEST", 80_000)
    with pytest.raises(npy.NpyError, match="bytes when it is unpacked, allowed are 80000"):
        npy.read_npz(path)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(npy.NpyError, match="not a zip file"):
        npy.read_npz(path)
