# -*- coding: utf-8 -*-
# Copyright (c) spotinst-esg contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the spotinst-esg program and runs it: JSON on stdin and stdout, progress and errors on stderr."""
from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading

PROTOCOL = 1
PROGRESS = 'progress: '


class EsgError(Exception):
    """Why something cannot be done, in words for the person at the terminal."""


def find():
    """Path of the program: the one that was asked for, else the collection's own, else one on PATH."""
    named = os.environ.get('SPOTINST_ESG_BINARY')
    # A collection of links keeps the program beside the links, not beside what they point at.
    files = [] if named else [os.path.abspath(__file__), os.path.realpath(__file__)]
    roots = [os.path.dirname(os.path.dirname(os.path.dirname(file))) for file in files]
    places = [named] if named else list(dict.fromkeys(os.path.join(root, 'libexec', 'spotinst-esg') for root in roots))
    for place in places:
        if os.path.isfile(place) and os.access(place, os.X_OK):
            return place
    on_path = None if named else shutil.which('spotinst-esg')
    if not on_path:
        where = f'SPOTINST_ESG_BINARY, {named}' if named else ', '.join([*places, 'PATH'])
        raise EsgError(f'no executable spotinst-esg in {where}; install the collection built for this platform, '
                           'or let SPOTINST_ESG_BINARY hold the path of the program')
    return on_path


def ask(arguments, request, limit_s, show):
    """Sends the request, secrets included, on stdin and returns the answer; `show` gets each line of progress."""
    program = find()
    child = subprocess.Popen([program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    answer, words, overdue = [], [], threading.Event()
    reader = threading.Thread(target=lambda: answer.append(child.stdout.read()), daemon=True)
    timer = threading.Timer(limit_s, lambda: (overdue.set(), child.kill()))
    timer.daemon = True
    try:
        reader.start()
        timer.start()
        try:
            with child.stdin as pipe:
                # The default turns Ansible's lazily decrypted texts into plain ones.
                pipe.write(json.dumps({'protocol': PROTOCOL, **request}, default=str).encode())
        except BrokenPipeError:
            pass  # it ended early, and its words on stderr say why
        for line in (raw.decode(errors='replace') for raw in child.stderr):
            if line.startswith(PROGRESS):
                show(line[len(PROGRESS):].rstrip())
            else:
                words.append(line)
        child.wait()
        reader.join()
    finally:
        timer.cancel()
        if child.poll() is None:  # interrupted: the program must not go on alone
            child.kill()
            child.wait()
    if overdue.is_set():
        raise EsgError(f'{program} was stopped, it had not answered after {limit_s} seconds')
    if child.returncode != 0:
        raise EsgError(''.join(words).strip() or f'{program} ended with code {child.returncode} and no explanation')
    try:
        reply = json.loads(answer[0])
        if reply['protocol'] == PROTOCOL:
            return reply
    except (IndexError, KeyError, TypeError, ValueError):
        pass  # the words below hold for every kind of wrong answer
    raise EsgError(f'{program} did not answer in protocol {PROTOCOL}; it and the collection are of different versions')
