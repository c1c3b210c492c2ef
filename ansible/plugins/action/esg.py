# -*- coding: utf-8 -*-
# Copyright (c) spotinst-esg contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the collection's modules in place on the controller, and shows their progress while they wait."""
from __future__ import annotations

import json

from ansible.module_utils.common.text.converters import to_text
from ansible.plugins.action import ActionBase
from ansible.utils.vars import merge_hash
from ansible_collections.spotinst.esg.plugins.plugin_utils.program import EsgError, as_json, converse


class ActionModule(ActionBase):
    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        if self._task.async_val:
            # The wrapper that outlives the connection knows only modules that were transferred.
            wrap_async = not self._connection.has_native_async
            return merge_hash(result, self._execute_module(task_vars=task_vars, wrap_async=wrap_async))
        environment = {}
        self._compute_environment_string(environment)
        environment = {name: to_text(value, nonstring='simplerepr') for name, value in environment.items()}
        try:
            reply = self._reply(environment)
        except EsgError as error:
            reply = {'failed': True, 'msg': str(error)}
        result.update(reply)
        return result

    def _reply(self, environment):
        name = self._task.action
        settings = {'check_mode': self._task.check_mode, 'diff': self._task.diff, 'verbosity': self._display.verbosity, 'module_name': name}
        arguments = {**self._task.args, **{f'_ansible_{setting}': value for setting, value in settings.items()}}
        # As secret as the task's arguments are; and nothing is to be said of a task that nobody may see.
        show = (lambda line: None) if self._task.no_log else self._show
        command = ['module', '--lifeline', name, '-']
        program, code, answer, words = converse(command, as_json(arguments), show, environment=environment, lifeline=True)
        try:
            reply = json.loads(answer)
        except ValueError:
            reply = None
        if not isinstance(reply, dict):
            raise EsgError(words or f'{program} ended with code {code} and no answer')
        return reply

    def _show(self, line):
        # Without the name of the role: a person follows these lines.
        self._display.display(f'{self._task.name or self._task.action}: {line}', stderr=True)
