#!/usr/bin/env python3
"""Indexes documents in OpenSearch one after the other, a line for each that was acknowledged; or reads all of them."""

import http.client
import json
import signal
import sys
import time

INDEX = "/ledger"
# A pause between writes, so that there are not too many to read.
SECONDS_BETWEEN = 0.005


def ask(connection, method, path, body=None):
    """Status and body of an answer."""
    text = None if body is None else json.dumps(body)
    connection.request(method, path, text, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def write(*hosts):
    """Until SIGTERM. A write of unknown outcome is not tried again: it is not in the ledger."""
    is_to_end = []
    signal.signal(signal.SIGTERM, lambda *_: is_to_end.append(True))
    turn = 0
    connection = http.client.HTTPConnection(hosts[0], timeout=10)
    number = 0
    while not is_to_end:
        number += 1
        try:
            status, answer = ask(connection, "PUT", f"{INDEX}/_create/{number}", {"value": f"value {number}"})
        except (OSError, ValueError, http.client.HTTPException):
            connection.close()
            turn += 1
            connection = http.client.HTTPConnection(hosts[turn % len(hosts)], timeout=10)
            time.sleep(0.05)
            continue
        # A copy that failed is out of sync from then on, and no longer counts: the others have the document.
        if status == 201:
            at = round(time.monotonic() * 1000)
            print(json.dumps({"acknowledged": f"{number} value {number}", "at": at}), flush=True)
        time.sleep(SECONDS_BETWEEN)


def read(host):
    """Every document that can be found, by its id."""
    connection = http.client.HTTPConnection(host, timeout=60)
    ask(connection, "POST", f"{INDEX}/_refresh")
    status, answer = ask(connection, "POST", f"{INDEX}/_search?scroll=1m", {"size": 1000, "sort": ["_doc"]})
    while status == 200 and answer["hits"]["hits"]:
        if answer["_shards"]["failed"]:
            sys.exit(f"{answer['_shards']['failed']} shards did not answer")
        for hit in answer["hits"]["hits"]:
            print(hit["_id"], hit["_source"]["value"])
        status, answer = ask(connection, "POST", "/_search/scroll", {"scroll": "1m", "scroll_id": answer["_scroll_id"]})
    if status != 200:
        sys.exit(f"{status}: {answer}")


if __name__ == "__main__":
    {"write": write, "read": read}[sys.argv[1]](*sys.argv[2:])
