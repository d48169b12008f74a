"""A Linux guest in memory: an initramfs of busybox, this machine's Python, and Volley; QEMU starts it.

kernel: /boot and /lib/modules of this machine, or of the folder in VOLLEY_KERNEL, into which a Debian
package was unpacked: apt-get download linux-image-...; dpkg-deb -x FILE FOLDER.
"""

import gzip
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.tools import skip_or_fail
from volley.firmware.files import PACKAGE

QEMU, BUSYBOX = "qemu-system-x86_64", "busybox"
MODULES = ("irqbypass", "vfio", "vfio_virqfd", "vfio_iommu_type1", "vfio-pci-core", "vfio-pci")
SOURCES = (
    "volley",
    "firmware",
    "host",
    "fpga/boards",
    "model/*.py",
    "model/pretrained/mnist.safetensors",
)
WHEELS = {"PIL": "pillow"}
INIT = """#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /tmp
/bin/busybox chmod 1777 /tmp
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs devtmpfs /dev
/bin/busybox mount -t securityfs securityfs /sys/kernel/security
for module in {modules}; do /bin/busybox insmod /modules/$module.ko; done
export PYTHONHOME={home} PYTHONPATH=/volley:/site PYTHONDONTWRITEBYTECODE=1 VOLLEY_BUILD=/tmp PATH=/bin
export OPENBLAS_NUM_THREADS=1
{python} /script.py
/bin/busybox poweroff -f
"""


def kernel():
    """(vmlinuz, {module: path}) of the newest kernel with vfio; skips, and says what is missing."""
    root = Path(os.environ.get("VOLLEY_KERNEL", "/"))
    for image in sorted((root / "boot").glob("vmlinuz-*"), reverse=True):
        folder = root / "lib/modules" / image.name.removeprefix("vmlinuz-")
        found = {path.name.split(".")[0]: path for path in folder.rglob("*.ko")}
        if all(name in found for name in MODULES):
            return image, {name: found[name] for name in MODULES}
    skip_or_fail(
        "no kernel with vfio modules; install with: apt-get install linux-image-amd64, or unpack its "
        "package into a folder and name that in VOLLEY_KERNEL"
    )


def need_tools():
    """Skips without QEMU and a static busybox."""
    missing = [tool for tool in (QEMU, BUSYBOX) if shutil.which(tool) is None]
    if missing:
        skip_or_fail(
            f"{', '.join(missing)} not found; install with: apt-get install qemu-system-x86 busybox-static"
        )


def _packages():
    """Folders and files in site-packages that the driver imports."""
    code = (
        "import sys, volley.host.infer, volley.host.device, volley.model.golden\n"
        "print(*sorted({m.__file__ for m in sys.modules.values() if getattr(m, '__file__', None)}),"
        " sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE,
        env={**os.environ, "PYTHONPATH": str(PACKAGE)},
    )  # fmt: skip
    found = set()
    for line in done.stdout.split():
        path = Path(line)
        if "site-packages" in path.parts:
            at = path.parts.index("site-packages")
            found.add(Path(*path.parts[: at + 2]))
    for package in list(found):  # libraries that wheels bring along
        name = WHEELS.get(package.name, package.name)
        found.update(package.parent.glob(f"{name}.libs"))
    return found


def _libraries(folder):
    """Shared libraries that the programs and modules below a folder need, by ldd."""
    wanted = [
        p for p in folder.rglob("*") if p.is_file() and (p.suffix == ".so" or ".so." in p.name)
    ]
    wanted += [p for p in folder.rglob("python3*") if p.is_file() and os.access(p, os.X_OK)]
    found = set()
    for path in wanted:
        text = subprocess.run(["ldd", path], capture_output=True, text=True).stdout
        found.update(re.findall(r"(/\S+\.so\S*) \(", text))
    return {Path(path) for path in found if not Path(path).is_relative_to(folder)}


def build(folder, modules, script):
    """Makes the initramfs below ``folder`` and returns its file. script: Python that init runs."""
    root = folder / "root"
    home = Path(sys.base_prefix)
    ignore = shutil.ignore_patterns(
        "__pycache__", "test", "tests", "idlelib", "tkinter", "ensurepip", "site-packages", "*.a",
        "lib2to3", "config-*",
    )  # fmt: skip
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    python = root / home.relative_to("/") / "bin" / version
    python.parent.mkdir(parents=True)
    shutil.copy(Path(sys.executable).resolve(), python)
    shutil.copytree(
        home / "lib" / version, root / home.relative_to("/") / "lib" / version, ignore=ignore
    )
    for package in _packages():
        target = root / "site" / package.name
        if package.is_dir():
            shutil.copytree(package, target, ignore=shutil.ignore_patterns("__pycache__", "tests"))
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(package, target)
    for pattern in SOURCES:
        for path in PACKAGE.glob(pattern):
            target = root / "volley" / path.relative_to(PACKAGE)
            if path.is_dir():
                shutil.copytree(path, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, target)
    for library in _libraries(root):
        target = root / library.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, target)
    (root / "bin").mkdir()
    shutil.copy(shutil.which(BUSYBOX), root / "bin/busybox")
    (root / "bin/sh").symlink_to("busybox")
    (root / "modules").mkdir()
    for name, path in modules.items():
        shutil.copy(path, root / "modules" / f"{name}.ko")
    (root / "script.py").write_text(script)
    text = INIT.format(modules=" ".join(MODULES), home=home, python=f"{home}/bin/{version}")
    (root / "init").write_text(text)
    (root / "init").chmod(0o755)
    names = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
    archive = subprocess.run(
        [BUSYBOX, "cpio", "-o", "-H", "newc"], input=names.encode(), capture_output=True,
        check=True, cwd=root,
    ).stdout  # fmt: skip
    made = folder / "initramfs.gz"
    made.write_bytes(gzip.compress(archive, 1))
    return made


def command(image, initramfs, descriptor):
    """QEMU's command line; descriptor: of the socket of a ``qemu_proxy.ProxyDevice``."""
    return [
        QEMU, "-nodefaults", "-no-reboot", "-display", "none", "-serial", "stdio",
        "-accel", "tcg", "-cpu", "max", "-m", "1536",
        "-machine", "q35,memory-backend=memory",
        "-object", "memory-backend-memfd,id=memory,size=1536M,share=on",
        "-device", "intel-iommu,intremap=on",
        "-kernel", str(image), "-initrd", str(initramfs),
        "-append", "console=ttyS0 quiet intel_iommu=on no_timer_check panic=-1 rdinit=/init",
        "-device", f"x-pci-proxy-dev,id=volley,fd={descriptor}",
    ]  # fmt: skip
