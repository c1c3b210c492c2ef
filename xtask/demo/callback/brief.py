# -*- coding: utf-8 -*-
"""Ansible's default output without the tasks that changed nothing, so that a person can follow a roll of some hundred tasks."""
from __future__ import annotations

from ansible.plugins.callback.default import CallbackModule as Default

DOCUMENTATION = r'''
name: brief
type: stdout
short_description: What changes, what is said and what fails
version_added: "0.1.0"
description:
  - Ansible's default output without the tasks that changed nothing. What is said by C(debug) is shown as plain lines.
extends_documentation_fragment:
  - default_callback
  - result_format_callback
'''


class CallbackModule(Default):
    """The default output with less of it."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = 'stdout'
    CALLBACK_NAME = 'brief'

    def v2_runner_on_ok(self, result):
        """A line for what changed, and what debug has to say."""
        said = result.result.get('msg')
        if result.task.action in ('ansible.builtin.debug', 'debug'):
            for line in said if isinstance(said, list) else [said]:
                self._display.display(f'  {line}')
        elif result.result.get('changed', False):
            where = self.host_label(result).rpartition(' -> ')[2]
            self._display.display(f'changed: {result.task.name} [{where}]', color='yellow')

    def v2_playbook_on_include(self, included_file):
        """Nothing."""

    def _print_task_banner(self, task):
        self._display.display(f'{task.name}:')
        self._last_task_banner = task._uuid
