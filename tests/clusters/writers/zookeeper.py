#!/usr/bin/env python3
"""Writes nodes to ZooKeeper one after the other, a line for each that was acknowledged; or reads all at one server."""

import json
import signal
import sys
import time

from kazoo.client import KazooClient
from kazoo.exceptions import KazooException, NoNodeError

ROOT = "/ledger"
# Children of one node; more make an answer longer than a server sends.
EACH = 1000
# A pause between writes, so that there are not too many to read.
SECONDS_BETWEEN = 0.005


def path(number):
    """Where a number is written."""
    return f"{ROOT}/{number // EACH:05}/{number:08}"


def write(hosts):
    """Until SIGTERM. A write of unknown outcome is not tried again: it is not in the ledger."""
    is_to_end = []
    signal.signal(signal.SIGTERM, lambda *_: is_to_end.append(True))
    client = KazooClient(hosts=hosts, timeout=4)
    client.start(timeout=30)
    number = 0
    while not is_to_end:
        try:
            client.create(path(number), f"value {number}".encode())
        except NoNodeError:
            # It was not written for sure: its folder is missing.
            client.retry(client.ensure_path, path(number).rpartition("/")[0])
            continue
        except KazooException:
            number += 1
            time.sleep(0.05)
            continue
        at = round(time.monotonic() * 1000)
        print(json.dumps({"acknowledged": f"{path(number)} value {number}", "at": at}), flush=True)
        number += 1
        time.sleep(SECONDS_BETWEEN)
    client.stop()


def read(host):
    """What this server has once it has caught up with its leader."""
    client = KazooClient(hosts=host, timeout=10)
    client.start(timeout=30)
    client.sync(ROOT)
    for folder in client.get_children(ROOT) if client.exists(ROOT) else []:
        children = client.get_children(f"{ROOT}/{folder}")
        asked = [(child, client.get_async(f"{ROOT}/{folder}/{child}")) for child in children]
        for child, answer in asked:
            value, _ = answer.get(timeout=30)
            print(f"{ROOT}/{folder}/{child} {value.decode()}")
    client.stop()


if __name__ == "__main__":
    {"write": write, "read": read}[sys.argv[1]](*sys.argv[2:])
