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
    text = as_json({'protocol': PROTOCOL, **request})
    program, code, answer, words = converse(arguments, text, show, limit_s=limit_s)
    if code != 0:
        raise EsgError(words or f'{program} ended with code {code} and no explanation')
    try:
        reply = json.loads(answer)
        if reply['protocol'] == PROTOCOL:
            return reply
    except (KeyError, TypeError, ValueError):
        pass  # the words below hold for every kind of wrong answer
    raise EsgError(f'{program} did not answer in protocol {PROTOCOL}; it and the collection are of different versions')


def as_json(value):
    """On one line; the default turns Ansible's lazily decrypted texts, and dates, into plain texts."""
    return json.dumps(value, default=str)


def converse(arguments, text, show, limit_s=None, environment=None, lifeline=False):
    """Runs the program with a text on stdin; returns its path, exit code, stdout and what it complained of.

    With `lifeline` stdin stays open until the end: the program takes its end for ours, however we end. And it ends when
    the process that started this one does: a worker outlives an Ansible that was killed.
    """
    program = find()
    pipes = {name: subprocess.PIPE for name in ('stdin', 'stdout', 'stderr')}
    # The process that goes on from task to task: what it has begun is its own, and is given up when it ends.
    controller = {'SPOTINST_ESG_CONTROLLER': str(os.getppid())}
    child = subprocess.Popen([program, *arguments], env={**os.environ, **(environment or {}), **controller}, **pipes)
    answer, words, overdue, over = [], [], threading.Event(), threading.Event()
    reader = threading.Thread(target=lambda: answer.append(child.stdout.read()), daemon=True)
    watch = threading.Thread(target=_kill_orphan, args=(child, os.getppid(), over), daemon=True)
    timer = threading.Timer(limit_s or 0, lambda: (overdue.set(), child.kill()))
    timer.daemon = True
    try:
        reader.start()
        if limit_s:
            timer.start()
        try:
            child.stdin.write(text.encode() + b'\n')
            child.stdin.flush()
            if lifeline:
                watch.start()
            else:
                child.stdin.close()
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
        over.set()
        if child.poll() is None:  # interrupted: the program must not go on alone
            child.kill()
            child.wait()
    if overdue.is_set():
        raise EsgError(f'{program} was stopped, it had not answered after {limit_s} seconds')
    return program, child.returncode, b''.join(answer), ''.join(words).strip()


def _kill_orphan(child, parent, over):
    """Kills the child as soon as this process has another parent than it had, unless it is over before."""
    while not over.wait(0.5):
        if os.getppid() != parent:
            child.kill()
