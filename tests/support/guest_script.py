"""What the guest of tests/host/pcie/test_linux_guest.py does, as its init. It prints lines of ``SAYS`` and
JSON; "remove" asks the test to take the device away, and any line on the console says that it is gone.
"""

import contextlib
import io
import json
import os
import re
import sys
import time
from pathlib import Path

SAYS = "VOLLEY"
USER = 1000
LIMIT = 10


def say(what, **values):
    print(SAYS, json.dumps({"what": what, **values}), flush=True)


def as_user(call):
    """Runs ``call`` as an ordinary user, in the group of the udev rule; returns what it returned."""
    near, far = os.pipe()
    child = os.fork()
    if not child:
        os.close(near)
        os.setgroups([USER])
        os.setgid(USER)
        os.setuid(USER)
        try:
            found = call()
        except BaseException as error:
            found = {"failed": f"{type(error).__name__}: {error}"}
        os.write(far, json.dumps(found).encode())
        os._exit(0)
    os.close(far)
    with os.fdopen(near) as stream:
        found = json.loads(stream.read())
    os.waitpid(child, 0)
    return found


def infer(*options):
    """``infer.py --port pcie``: code, JSON, and what stands on stderr."""
    from volley.host import infer as command

    out = Path(f"/tmp/{time.monotonic_ns()}.json")
    said, complained = io.StringIO(), io.StringIO()
    began = time.monotonic()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complained):
        code = command.main(["--port", "pcie", "--json", str(out), *options])
    images = json.loads(out.read_text())["images"] if out.exists() else []
    return {
        "code": code, "error": complained.getvalue()[-600:], "seconds": time.monotonic() - began,
        "scores": [image["scores"] for image in images],
    }  # fmt: skip


def listing():
    from volley.host.pcie import port

    return port.listing()


def removed():
    """Classifies pictures while the device goes away."""
    import numpy as np

    from volley.host import Device, infer

    device = Device.open("pcie")
    device.load(infer.MODEL)
    picture = np.zeros((1, 28, 28), np.uint8)
    device.infer(picture)
    say("remove")
    sys.stdin.readline()
    for _ in range(3):
        try:
            device.infer(picture)
        except Exception as error:
            return {"error": f"{type(error).__name__}: {error}"}
    return {"error": "none"}


def main():
    (device,) = [
        path for path in Path("/sys/bus/pci/devices").iterdir()
        if (path / "vendor").read_text().strip() == "0x10ee"
    ]  # fmt: skip
    # the udev rule, done by hand: there is no udev here
    rule = Path("/volley/host/pcie/60-volley.rules").read_text()
    (device / "enable").write_text(re.search(r'ATTR\{enable\}="(1)"', rule)[1])
    (shell,) = re.findall(r'RUN\+="/bin/sh -c \'(.*)\'"', rule)
    Path("/etc").mkdir(exist_ok=True)
    Path("/etc/group").write_text(f"dialout:x:{USER}:\n")
    for name in ("chgrp", "chmod"):
        os.symlink("busybox", f"/bin/{name}")
    code = os.system(shell.replace("%p", str(device.resolve()).removeprefix("/sys")))
    mode = (device / "resource0").stat()
    say("rule", code=code, mode=oct(mode.st_mode), group=mode.st_gid)

    say("list", rows=as_user(listing))
    say("sysfs", **as_user(lambda: infer("--limit", str(LIMIT), "--verify")))
    (device / "enable").write_text("0")
    say("disabled", **as_user(lambda: infer("--limit", "1")))
    (device / "enable").write_text("1")
    Path("/sys/kernel/security/lockdown").write_text("integrity")
    say("locked", **infer("--limit", "1"))
    (device / "driver_override").write_text("vfio-pci")
    Path("/sys/bus/pci/drivers_probe").write_text(device.name)
    group = Path("/dev/vfio") / (device / "iommu_group").resolve().name
    say("refused", **as_user(lambda: infer("--limit", "1")))
    os.chown(group, USER, USER)
    os.chmod("/dev/vfio/vfio", 0o666)
    say("vfio", **as_user(lambda: infer("--limit", str(LIMIT))))
    say("removed", **as_user(removed))


if __name__ == "__main__":
    try:
        main()
    except BaseException as error:
        import traceback

        traceback.print_exc()
        say("failed", error=f"{type(error).__name__}: {error}")
