"""What an installed package has: every folder of modules, its data, its names and its command."""

import configparser
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import volley
from volley import __main__ as command
from volley.firmware import files

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("firmware", "rtl", "fpga", "model", "host")
DATA = (
    "fpga/boards/*.toml", "fpga/sim/*", "fpga/cost_runs.csv", "host/examples/*",
    "model/pretrained/*.safetensors", "model/recipes/*.toml", "model/nets/*.cpp", "model/nets/*.h",
)  # fmt: skip


def packages():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    return setup["options"]["packages"].split()


def test_setup_names_every_package():
    found = {"volley"}
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            assert (path.parent / "__init__.py").is_file(), f"{path.parent} has no __init__.py"
            found.add("volley." + ".".join(path.parent.relative_to(ROOT).parts))
    assert set(packages()) == found


@pytest.mark.parametrize("name", volley.__all__)
def test_public_names(name):
    assert getattr(volley, name) is not None


def test_no_other_public_name():
    with pytest.raises(AttributeError, match="no attribute 'Divice'"):
        volley.Divice  # noqa: B018


def test_every_module_is_there_once():
    """Imports inside the project are of ``volley``: a second copy would have classes of its own."""
    code = (
        "import sys, volley.host.infer, volley.fpga.build, volley.fpga.explore, volley.fpga.report;"
        "print([n for n in sys.modules if n.split('.')[0] in "
        f"{FOLDERS!r}])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_usage(capsys):
    assert command.main([]) == command.WRONG_USE
    assert command.main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in command.COMMANDS)
    assert command.main(["instal"]) == command.WRONG_USE
    assert "no command 'instal'; there are infer" in capsys.readouterr().err


@pytest.mark.parametrize("name", command.COMMANDS)
def test_help_of_each_command(name):
    done = subprocess.run(
        [sys.executable, "-m", "volley", name, "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout.startswith(f"usage: volley {name} "), done.stderr


def test_command_is_the_script(capsys):
    assert command.main(["compile", "no-such-model"]) == 2
    assert "no-such-model" in capsys.readouterr().err


def test_folder_of_generated_files(tmp_path):
    code = "from volley.firmware.files import BUILD; print(BUILD)"
    environment = {**os.environ, "VOLLEY_BUILD": str(tmp_path / "a b")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.stdout.strip() == str(tmp_path / "a b")


def test_whole_file(tmp_path):
    path, link = tmp_path / "file.txt", tmp_path / "link"
    files.write_whole(path, "old")
    path.chmod(0o640)
    link.symlink_to(path)
    files.write_whole(link, "new")
    assert link.is_symlink() and path.read_text() == "new" and path.stat().st_mode & 0o777 == 0o640
    with pytest.raises(RuntimeError), files.whole_file(path) as part:
        part.write_text("half")
        raise RuntimeError
    assert path.read_text() == "new" and sorted(tmp_path.iterdir()) == [path, link]
    with pytest.raises(FileNotFoundError, match="absent/file"):
        files.write_whole(tmp_path / "absent" / "file", "")


def test_a_device_is_written_through_and_stays(tmp_path):
    files.write_whole("/dev/null", "text")
    assert Path("/dev/null").is_char_device()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE, text=True)
    files.write_whole(pipe, "text")
    assert reader.communicate(timeout=20)[0] == "text" and pipe.is_fifo()


@pytest.mark.slow
def test_wheel_installs_and_runs(tmp_path):
    """A wheel, installed apart from the checkout with this environment's dependencies, infers."""
    run = dict(check=True, capture_output=True, text=True, timeout=600)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path, ROOT], **run
    )
    wheel = next(tmp_path.glob("volley-*.whl"))
    inside = set(zipfile.ZipFile(wheel).namelist())
    for pattern in DATA:
        wanted = {f"volley/{path.relative_to(ROOT)}" for path in ROOT.glob(pattern)}
        assert wanted and wanted <= inside
    target = tmp_path / "site"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", target, wheel],
        **run,
    )
    environment = {
        **os.environ,
        "PYTHONPATH": str(target),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    for port in ("golden", "sim"):
        done = subprocess.run(
            [sys.executable, "-m", "volley", "infer", "--port", port, "--limit", "5"],
            cwd=tmp_path, env=environment, **run,
        )  # fmt: skip
        assert "5 of 5 right" in done.stdout
    assert (tmp_path / "cache" / "volley").is_dir()
