# -*- coding: utf-8 -*-
# Copyright (c) spotinst-esg contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts from the vendor and from tags: anyone who may tag an instance writes them, so none may run as a template."""
from __future__ import annotations

import re

from ansible.utils.unsafe_proxy import wrap_var

try:
    from ansible.template import trust_as_template
except ImportError:  # up to ansible-core 2.18 every text runs as a template unless it is wrapped as unsafe
    trust_as_template = None

UNSAFE = '__ansible_unsafe'
TEMPLATE = re.compile(r'\{[{%#]|\A#jinja2:')


def as_text(text, unsafe=False):
    """A text that never runs; only a harmless one is trusted, so that --list prints it without a wrapper."""
    unsafe = unsafe or TEMPLATE.search(text)
    if trust_as_template is None:
        return wrap_var(text) if unsafe else text
    return text if unsafe else trust_as_template(text)


def as_name(name):
    """The same for names and keys, which newer versions never trust."""
    return wrap_var(name) if trust_as_template is None and TEMPLATE.search(name) else name


def as_data(value, seen):
    """Copies a JSON value into Ansible's form; `seen` saves the work for texts that occur again."""
    if isinstance(value, str):
        return seen[value] if value in seen else seen.setdefault(value, as_text(value))
    if isinstance(value, dict):
        if len(value) == 1 and UNSAFE in value:
            return as_text(value[UNSAFE], unsafe=True)
        return {as_name(name): as_data(item, seen) for name, item in value.items()}
    return [as_data(item, seen) for item in value] if isinstance(value, list) else value
