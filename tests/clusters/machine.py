#!/usr/bin/env python3
"""The machines of the clusters that tests run: hooks of the simulator, and the service on each machine.

A yard is a folder with everything of one test. `clusters.json` in it says which cluster each group of the simulator is.
`nodes/<address>` is a machine: `data` is its disk, a link to the folder that stands for the volume; `machine.json` says which
instance it is; `config` holds the settings of its server; `service` starts and stops that. `alive` is a pipe that the test
holds open: whoever reads its end knows that the test has ended, however that was.
"""

import json
import os
import pathlib
import select
import shlex
import shutil
import signal
import subprocess
import sys

import technologies

# A service that was told to end is killed after this many seconds unless the caller says otherwise.
SECONDS_TO_STOP = 60

# The user without rights, for what refuses to run as root.
NOBODY = 65534


class Node:
    """The machine at an address."""

    def __init__(self, yard, address):
        self.yard = pathlib.Path(yard)
        self.address = address
        self.folder = self.yard / "nodes" / address
        self.data = self.folder / "data"
        self.config = self.folder / "config"
        self.process_file = self.folder / "process.json"

    def about(self):
        """What the launch hook left; fails if there is no machine."""
        try:
            return json.loads((self.folder / "machine.json").read_text())
        except FileNotFoundError:
            sys.exit(f"there is no machine at {self.address}")

    def cluster(self):
        """Its cluster in `clusters.json`, and the way its server is run."""
        clusters = json.loads((self.yard / "clusters.json").read_text())
        return technologies.of(clusters[self.about()["group"]], self)

    def process(self):
        """The id of its server's process if that runs; an id that now means another process does not count."""
        try:
            known = json.loads(self.process_file.read_text())
        except FileNotFoundError:
            return None
        return known["id"] if started(known["id"]) == known["started"] else None


def started(process):
    """When a process that runs was started, in ticks since the computer was; nothing for one that has ended."""
    try:
        words = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return None
    return None if words[0] in "ZX" else int(words[19])


def launch(yard):
    """Launch hook: a machine appears with its disk and the settings for its address. Its service does not start."""
    tell = os.environ
    node = Node(yard, tell["SPOT_SIM_PRIVATE_IP"])
    node.config.mkdir(parents=True)
    node.data.symlink_to(tell["SPOT_SIM_VOLUME_FOLDER"])
    about = {
        "group": tell["SPOT_SIM_GROUP_NAME"],
        "instance": tell["SPOT_SIM_INSTANCE_ID"],
        "image": tell["SPOT_SIM_IMAGE_ID"],
    }
    (node.folder / "machine.json").write_text(json.dumps(about))
    for name, text in node.cluster().settings().items():
        (node.config / name).write_text(text)
    service = node.folder / "service"
    command = [sys.executable, "-B", str(pathlib.Path(__file__).resolve())]
    service.write_text(f'#!/bin/sh\nverb="$1"; shift\nexec {shlex.join(command)} "$verb" {shlex.join([yard, node.address])} "$@"\n')
    service.chmod(0o755)


def terminate(yard):
    """Terminate hook: what still runs is killed and the machine is no more. The disk and the logs stay."""
    node = Node(yard, os.environ["SPOT_SIM_PRIVATE_IP"])
    process = node.process()
    if process:
        end(process, signal.SIGKILL, 10)
    if node.folder.exists():
        shutil.rmtree(node.folder)


def provision(yard, address):
    """Writes on an empty disk what makes it the disk of this member. Done once, before the cluster is started."""
    node = Node(yard, address)
    if any(node.data.iterdir()):
        sys.exit(f"the disk of {address} is not empty")
    node.cluster().provision()
    (node.folder / "is-new").touch()


def start(yard, address):
    """Starts the service. It may be asked things only later."""
    node = Node(yard, address)
    node.about()
    if node.process():
        return
    with open(node.yard / f"{address}.log", "ab") as log:
        command = [sys.executable, "-B", __file__, "serve", yard, address]
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, start_new_session=True
        )
    # A line says that the process is there; the end of what can be read, that there will be none.
    if not child.stdout.readline():
        sys.exit(f"the service of {address} did not start; see {log.name}")


def serve(yard, address):
    """The service itself, guarded. Part of `start`."""
    node = Node(yard, address)
    cluster = node.cluster()

    def began(process):
        node.process_file.write_text(json.dumps({"id": process, "started": started(process)}))
        print(process, flush=True)
        # Whoever started it waits no longer; from here on there is only the log.
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    user = []
    if cluster.refuses_root and os.geteuid() == 0:
        user = ["--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"]
        for folder in [node.folder, node.data.resolve()]:
            subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", folder], check=True)
    sys.exit(run_guarded(yard, cluster.command(), user, node.folder, sys.stderr, began))


def stop(yard, address, limit=SECONDS_TO_STOP):
    """Stops the service as an init system does: SIGTERM, and after the limit SIGKILL, which is a failure."""
    node = Node(yard, address)
    node.about()
    process = node.process()
    if process and not end(process, signal.SIGTERM, float(limit)):
        end(process, signal.SIGKILL, 10)
        sys.exit(f"the service of {address} did not end within {limit} s after SIGTERM and was killed")


def status(yard, address):
    """Prints the id of the service's process; status 3 if it does not run."""
    process = Node(yard, address).process()
    if process is None:
        sys.exit(3)
    print(process)


def end(process, how, limit):
    """Sends a signal and waits; returns whether the process has ended."""
    try:
        handle = os.pidfd_open(process)
        signal.pidfd_send_signal(handle, how)
    except ProcessLookupError:
        return True
    ended = select.poll()
    ended.register(handle, select.POLLIN)
    return bool(ended.poll(limit * 1000))


def guard(yard, *command):
    """Runs a command that ends when the test does, when this guard does, and when this guard is asked to end."""
    sys.exit(run_guarded(yard, list(command), [], None, None, lambda process: None))


def run_guarded(yard, command, user, folder, output, began):
    """Runs a command as a user of `setpriv`'s words, and calls `began` with its id. Returns its exit status."""
    alive = os.open(pathlib.Path(yard) / "alive", os.O_RDONLY | os.O_NONBLOCK)
    try:
        os.read(alive, 1)
        sys.exit("the test has ended")
    except BlockingIOError:
        pass  # Someone holds the other end.
    # The kernel ends it if this guard is killed.
    command = ["setpriv", "--pdeathsig", "KILL", *user, "--", *command]
    asked = []
    signal.signal(signal.SIGTERM, lambda *_: asked.append(True))
    process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    # What was asked before there was anything to end.
    if asked:
        process.terminate()
    began(process.pid)
    events = select.poll()
    events.register(alive, 0)  # The other end was closed, which is always reported.
    events.register(os.pidfd_open(process.pid), select.POLLIN)
    events.poll()
    if process.poll() is None:
        process.kill()
    return abs(process.wait())


if __name__ == "__main__":
    commands = {each.__name__: each for each in [launch, terminate, provision, start, serve, stop, status, guard]}
    commands[sys.argv[1]](*sys.argv[2:])
