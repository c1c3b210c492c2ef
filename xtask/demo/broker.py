#!/usr/bin/env python3
"""A stand-in for a Kafka broker and the machine it runs on, so that the demonstration has something to stop, start and ask.

The folder SPOTINST_ESG_DEMO holds a folder for each machine, by its address. In it `data` is the disk, a link to the folder
that stands for the volume, and `machine.json` says which instance it is. The broker is a small HTTP server on the machine's
own loopback address.
"""

import http.server
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

PORT = 19092
SECONDS_TO_CATCH_UP = 0.8
DEMO = pathlib.Path(os.environ["SPOTINST_ESG_DEMO"])
MACHINES = DEMO / "machines"


def up():
    """Launch hook of the simulator: a machine appears, with its disk. Its broker starts if the disk says that it may."""
    tell = os.environ.get
    volume = pathlib.Path(tell("SPOT_SIM_VOLUME_FOLDER"))
    machine = MACHINES / tell("SPOT_SIM_PRIVATE_IP")
    machine.mkdir(parents=True, exist_ok=True)
    disk = machine / "data"
    disk.unlink(missing_ok=True)
    disk.symlink_to(volume)
    about = {"instance": tell("SPOT_SIM_INSTANCE_ID"), "image": tell("SPOT_SIM_IMAGE_ID"), "simulator": os.getppid()}
    (machine / "machine.json").write_text(json.dumps(about))
    marker = disk / "meta.properties"
    if not marker.exists():
        marker.write_text(f"cluster.id=demo\nbroker={tell('SPOT_SIM_STATEFUL_ID')}\n")
        (disk / "formatted-by").write_text(about["instance"])
        (disk / "may-start").touch()
    if (disk / "may-start").exists():
        start(machine.name)


def down():
    """Terminate hook of the simulator: the machine is no more; the disk stays."""
    machine = MACHINES / os.environ["SPOT_SIM_PRIVATE_IP"]
    stop(machine.name)
    (machine / "data").unlink(missing_ok=True)
    (machine / "machine.json").unlink(missing_ok=True)


def start(address):
    """Starts the broker of a machine and waits until it listens."""
    machine = MACHINES / address
    if ask(address) is not None:
        return
    log = open(machine / "log", "ab")
    command = [sys.executable, __file__, "serve", address]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    (machine / "pid").write_text(str(process.pid))
    for _ in range(100):
        if ask(address) is not None:
            (machine / "listens").touch()
            return
        time.sleep(0.1)
    sys.exit(f"the broker of {address} did not listen within 10 seconds; see {machine}/log")


def stop(address):
    """Stops it and waits until it has ended."""
    file = MACHINES / address / "pid"
    if not file.exists():
        return
    process = int(file.read_text())
    (MACHINES / address / "listens").unlink(missing_ok=True)
    for attempt in range(100):
        if not is_alive(process):
            break
        os.kill(process, signal.SIGTERM if attempt < 50 else signal.SIGKILL)
        time.sleep(0.1)
    file.unlink()


def is_alive(process):
    """Whether it runs; one that has ended and that nobody has asked about does not."""
    try:
        return pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except (OSError, IndexError):
        return False


def serve(address):
    """The broker itself. It ends with the simulator, however that ended."""
    machine = MACHINES / address
    about = json.loads((machine / "machine.json").read_text())
    began = time.monotonic()

    class Answer(http.server.BaseHTTPRequestHandler):
        """What it says of itself."""

        def do_GET(self):  # noqa: N802 (the name is the library's)
            """Its machine, its disk, and by how much it lags behind the others."""
            left = max(0.0, SECONDS_TO_CATCH_UP - (time.monotonic() - began))
            disk = (machine / "data" / "formatted-by").read_text()
            body = {"instance": about["instance"], "image": about["image"], "behind": round(left * 100), "disk_of": disk}
            text = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *words):
            """Nothing: each look of a gate would be a line."""

    def watch():
        while is_alive(about["simulator"]):
            time.sleep(0.5)
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    http.server.ThreadingHTTPServer((address, PORT), Answer).serve_forever()


def ask(address):
    """What the broker of a machine says of itself; nothing if none listens."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{address}:{PORT}/", timeout=2) as answer:
            return json.load(answer)
    except (OSError, ValueError):
        return None


def addresses():
    """All machines."""
    return sorted(machine.name for machine in MACHINES.iterdir())


def count():
    """How many brokers answer."""
    print(sum(ask(address) is not None for address in addresses()))


def show():
    """A line for each broker."""
    print(f"{'address':<14} {'instance':<22} {'image':<24} disk formatted by")
    for address in addresses():
        answer = ask(address) or {"instance": "no answer", "image": "", "disk_of": ""}
        print(f"{address:<14} {answer['instance']:<22} {answer['image']:<24} {answer['disk_of']}")


if __name__ == "__main__":
    commands = {command.__name__: command for command in [up, down, start, stop, serve, count, show]}
    commands[sys.argv[1]](*sys.argv[2:])
