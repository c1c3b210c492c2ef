# -*- coding: utf-8 -*-
# Copyright (c) spotinst-esg contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible resolves the options and holds the hosts; the spotinst-esg program does everything between."""
from __future__ import annotations

DOCUMENTATION = r'''
name: spotinst_esg
short_description: Stateful instances of Spot (Spotinst) Elastigroups in AWS
version_added: 0.1.0
author: spotinst-esg maintainers (!UNKNOWN)
description:
  - Lists the stateful instances of Spot Elastigroups, and on request the other group members and the managed instances.
  - Each Elastigroup is an Ansible group twice, by its id and by its name.
  - Nothing is left out in silence. A paused or broken stateful instance stays listed, its state is in C(spotinst_state).
  - A host is named by its private address, or by its stateful instance id while it has none;
    C(ansible_host) always holds the current address.
  - The file's name must end with C(spotinst_esg.yml) or C(spotinst_esg.yaml).
  - A text that came from the vendor or from a tag never runs as a template.
  - Any option but those that build groups and variables may hold a template; extra vars (C(-e)) can be used in it.
  - Without an account or token option, and without their environment variables, the credentials file is read;
    each missing field is taken from the next source.
requirements:
  - The program C(spotinst-esg). It comes with the collection; E(SPOTINST_ESG_BINARY) names another one,
    and C(PATH) is searched last.
options:
  plugin:
    description: Marks the file as belonging to this plugin.
    type: str
    required: true
    choices: [spotinst_esg, spotinst.esg.spotinst_esg]
  spotinst_account_id:
    description:
      - The Spot account, such as V(act-12345678), or a list of accounts that the token may read.
      - In the environment, several accounts are separated by commas.
    type: raw
    aliases: [spotinst_account, account_id]
    env:
      - name: SPOTINST_ACCOUNT_ID
      - name: SPOTINST_ACCOUNT
  spotinst_api_token:
    description:
      - The Spot API token. It has no default and is never cached or shown.
      - Better given by the environment, by Ansible Vault or by the credentials file than as plain text.
    type: str
    aliases: [spotinst_token, api_token, token]
    env:
      - name: SPOTINST_API_TOKEN
      - name: SPOTINST_TOKEN
  spotinst_base_url:
    description: Address of the Spot API, if another server is to be asked, such as a simulator or a proxy.
    type: str
    aliases: [base_url]
    env:
      - name: SPOTINST_BASE_URL
  allow_http:
    description: Whether O(spotinst_base_url) may be plain HTTP on a host other than this one. The token is then readable on the way.
    type: bool
    default: false
  credentials_file:
    description: File with profiles of tokens and accounts, in INI, YAML or JSON. C(~/.spotinst/credentials) when not given.
    type: path
    env:
      - name: SPOTINST_CREDENTIALS_FILE
      - name: SPOTINST_SHARED_CREDENTIALS_FILE
  credentials_profile:
    description: Profile to read in the credentials file; V(default) when not given.
    type: str
    env:
      - name: SPOTINST_CREDENTIALS_PROFILE
      - name: SPOTINST_PROFILE
  aws_profile:
    description:
      - AWS profile for the questions that only EC2 can answer, before anything in the environment. Not needed when O(ec2=false).
      - Without it the AWS SDK looks at its own places, E(AWS_PROFILE) among them.
    type: str
  regions:
    description: AWS regions whose groups are listed, such as V(eu-west-1). All regions when not given.
    type: list
    elements: str
  elastigroups:
    description: Groups to list, each an id or a name, in which C(*) and C(?) stand for any characters. All groups when not given.
    type: list
    elements: str
  tags:
    description:
      - Group tags that must match, as a mapping of tag name to value.
      - A value is a text, a pattern with C(*) and C(?), or a list of which one must match. All named tags must match.
    type: dict
  include:
    description:
      - What is listed. A group that never persisted anything costs no call unless V(members) is asked for. One whose
        persistence was switched off may still have stateful instances, so it is asked.
    type: list
    elements: str
    choices: [stateful, members, managed_instances]
    default: [stateful]
  states:
    description: States of the stateful instances to list, such as V(ACTIVE) and V(PAUSED). All states when not given.
    type: list
    elements: str
  hostnames:
    description:
      - What a host is named by, in order of preference; the first one that the instance has is taken.
      - One of V(private_ip), V(public_ip), V(id), V(instance_id), V(private_dns_name), V(public_dns_name), or a tag as V(tag:Name).
      - V(private_ip) when not given. What has none of them is named by its stateful instance id, which outlives its machines.
      - A name already taken by another host is replaced by the stateful instance id, with a warning.
    type: list
    elements: str
  hostvar_prefix:
    description: What the names of the host variables begin with.
    type: str
    default: spotinst_
  group_names:
    description:
      - How the names of groups are spelled.
      - V(raw) as the vendor has them, V(safe) with every character that Ansible dislikes replaced by an underscore, V(both) twice.
    type: str
    choices: [raw, safe, both]
    default: raw
  ec2:
    description:
      - Whether EC2 is asked too. With V(auto) it is asked if AWS credentials are found, and its failure is a warning;
        with V(true) its failure is an error; with V(false) it is never asked.
    type: raw
    default: auto
  cache:
    description: Whether the answer is kept and used again. C(--flush-cache) and C(refresh_inventory) of M(ansible.builtin.meta) ask anew.
    type: bool
    default: false
    env:
      - name: ANSIBLE_INVENTORY_CACHE
    ini:
      - section: inventory
        key: cache
  cache_plugin:
    description:
      - Where the answer is kept. V(jsonfile) is the program's own cache, private files that many processes may share.
      - Every other name is an Ansible cache plugin. What is stored there holds no credential.
    type: str
    default: jsonfile
    env:
      - name: ANSIBLE_INVENTORY_CACHE_PLUGIN
    ini:
      - section: inventory
        key: cache_plugin
  cache_connection:
    description: Folder of the cache files, where C(~) and C($NAME) are replaced, or what another cache plugin wants here.
    type: str
    env:
      - name: ANSIBLE_INVENTORY_CACHE_CONNECTION
    ini:
      - section: inventory
        key: cache_connection
  cache_timeout:
    description: How long an answer is used, in seconds; V(0) for ever.
    type: int
    default: 3600
    env:
      - name: ANSIBLE_INVENTORY_CACHE_TIMEOUT
    ini:
      - section: inventory
        key: cache_timeout
  cache_prefix:
    description: What the keys begin with in a cache plugin other than V(jsonfile).
    type: str
    default: ansible_inventory_
    env:
      - name: ANSIBLE_INVENTORY_CACHE_PLUGIN_PREFIX
    ini:
      - section: inventory
        key: cache_prefix
  stale_if_error:
    description:
      - For how many seconds beyond O(cache_timeout) the last good answer is still used, with a warning, when a new one cannot be had.
      - V(0) never does so. It has an effect only with O(cache=true) and O(cache_plugin=jsonfile).
    type: int
    default: 0
  concurrency:
    description: How many calls are under way at the same time, at most.
    type: int
    default: 16
  timeout:
    description: How long the whole listing may take, in seconds, waits for the vendor's rate limits included.
    type: int
    default: 120
extends_documentation_fragment:
  - constructed
'''

EXAMPLES = r'''
# Smallest file. Account and token are in the environment or in ~/.spotinst/credentials.
plugin: spotinst_esg

---
# The answer is kept for ten minutes, and for a day if the vendor cannot be reached.
plugin: spotinst.esg.spotinst_esg
spotinst_account_id: act-12345678
cache: true
cache_connection: ~/.ansible
cache_timeout: 600
stale_if_error: 86400

---
# The Kafka clusters of two regions; brokers are named by a tag that outlives their machines.
plugin: spotinst_esg
regions: [eu-west-1, us-east-1]
elastigroups: ["kafka-*"]
tags:
  environment: [staging, production]
hostnames: ["tag:Hostname", private_ip]
compose:
  kafka_rack: spotinst_availabilityZone
keyed_groups:
  - prefix: zone
    key: spotinst_availabilityZone
groups:
  drifted: spotinst_image_drift | default(false)

---
# Several accounts; what the name of an account is comes from the command line (-e stage=prod).
plugin: spotinst_esg
spotinst_account_id:
  - "{{ {'prod': 'act-11111111', 'test': 'act-22222222'}[stage] }}"
  - act-33333333
include: [stateful, managed_instances]
ec2: false
'''

import difflib  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402

import yaml  # noqa: E402

from ansible.errors import AnsibleParserError  # noqa: E402
from ansible.module_utils.common.text.converters import to_native  # noqa: E402
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable  # noqa: E402
from ansible.utils.path import unfrackpath  # noqa: E402
from ansible_collections.spotinst.esg.plugins.plugin_utils.program import EsgError, ask  # noqa: E402
from ansible_collections.spotinst.esg.plugins.plugin_utils.text import as_data, as_name  # noqa: E402

SECRETS = {'spotinst_api_token', 'spotinst_token', 'api_token', 'token'}
OWN_CACHE = ('jsonfile', 'ansible.builtin.jsonfile', 'ansible.legacy.jsonfile')
EXPRESSIONS = ('plugin', 'compose', 'groups', 'keyed_groups')
ANSIBLE_ONLY = (*EXPRESSIONS, 'cache_plugin', 'cache_prefix', 'leading_separator', 'use_extra_vars')


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    NAME = 'spotinst.esg.spotinst_esg'
    failed = None

    def verify_file(self, path):
        return super().verify_file(path) and path.endswith(('spotinst_esg.yml', 'spotinst_esg.yaml'))

    def parse(self, inventory, loader, path, cache=True):
        super().parse(inventory, loader, path, cache)
        self._path = os.path.abspath(path)
        # The plugin `auto` tries a file again that failed here; one failure must not cost two timeouts.
        if InventoryModule.failed and InventoryModule.failed[0] is inventory.hosts and InventoryModule.failed[1] == path:
            raise AnsibleParserError(f'{path}: not asked a second time, it has just failed')
        InventoryModule.failed = (inventory.hosts, path)
        try:
            self._check_yaml()
            self._redirected_names = [*(self._redirected_names or []), 'spotinst_esg', self.NAME]
            self._read_config_data(path)
            self._load(self._document(not cache, kept=self.get_option('cache')))
        except EsgError as error:
            raise AnsibleParserError(str(error)) from None
        InventoryModule.failed = None

    def _check_yaml(self):
        """Ansible's own word on broken YAML quotes the lines around it, and one of them may hold the token."""
        with open(self._path, encoding='utf-8', errors='replace') as file:
            text = file.read()
        if text.startswith('$ANSIBLE_VAULT'):
            return
        try:
            root = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.YAMLError as error:
            mark = getattr(error, 'problem_mark', None)
            place = f'{self._path}:{mark.line + 1}:{mark.column + 1}' if mark else self._path
            raise EsgError(f'{place}: this is no YAML: {getattr(error, "problem", None) or "unreadable"}') from None
        keys = [key for key, _value in root.value] if isinstance(root, yaml.MappingNode) else []
        for key in keys:
            if [other.value for other in keys].count(key.value) > 1:
                raise EsgError(f'{self._path}:{key.start_mark.line + 1}: option {key.value} is given twice')

    def set_options(self, task_keys=None, var_options=None, direct=None):
        known = {name for key, spec in self.option_definitions.items() for name in (key, *spec.get('aliases', []))}
        for name in (str(key) for key in direct or {} if key not in known):
            near = difflib.get_close_matches(name, known, 1)
            raise EsgError(f'{self._path}: unknown option {name}, ' + (f'did you mean {near[0]}?' if near else f'known are {", ".join(sorted(known))}'))
        self.templar.available_variables = self._vars or {}
        direct = {key: value if key in EXPRESSIONS else self._rendered(key, value) for key, value in (direct or {}).items()}
        for key in SECRETS & direct.keys():
            if isinstance(direct[key], (list, dict, bool, int, float)):
                raise EsgError(f'{self._path}: option {key} is no text')  # Ansible's own word would show the value
        super().set_options(task_keys=task_keys, var_options=var_options, direct=direct)
        own_cache = self.get_option('cache_plugin') in OWN_CACHE
        self._options_sent = {key: value for key, value in self.get_options().items() if value is not None and key not in ANSIBLE_ONLY}
        self._options_sent.update(ec2=str(self.get_option('ec2')).lower(), cache=own_cache and self.get_option('cache'))
        if own_cache:
            self.set_option('cache', False)  # or the base class would load Ansible's jsonfile
            if self.get_option('cache_connection'):
                self._options_sent['cache_connection'] = unfrackpath(self.get_option('cache_connection'), follow=False)

    def _rendered(self, key, value):
        try:
            return self.templar.template(value)
        except Exception as error:  # without the cause, which would quote neighbouring lines of the file
            why = to_native(error)
            if key in SECRETS and ('{{' in why or '{%' in why):
                why = type(error).__name__  # some versions quote the template
            raise EsgError(f'{self._path}: option {key} cannot be rendered: {why}') from None

    def _ask(self, **request):
        limit_s = min(self.get_option('timeout'), 86400) + 30  # the program ends by itself before that
        request.update(source=self._path, options=self._options_sent)
        return ask(['inventory', '--ansible'], request, limit_s, lambda line: self.display.display(line, stderr=True))

    def _document(self, refresh, kept=False):
        """The answer; `kept` by an Ansible cache plugin, under the program's own key and only if nothing is missing."""
        key = f'{self.get_cache_key(self._path)}_{self._ask(only_key=True)["cache_key"][:16]}' if kept else None
        try:
            reply = json.loads(self._cache[key]['reply']) if kept and not refresh else None
        except Exception as error:  # an unreadable entry is a missing one, whatever the cache plugin raises
            self.display.vvv(f'{self._path}: nothing usable in the cache: {to_native(error)}')
            reply = None
        if reply is None:
            reply = self._ask(refresh=refresh)
            if kept and reply['complete']:
                # As one text: the cache's encoder has nothing to interpret in it, and nobody can change it later.
                self._cache[key] = {'reply': json.dumps(reply)}
        for warning in reply['warnings']:
            self.display.warning(warning)
        return reply['document']

    def _load(self, document):
        seen, hostvars = {}, document['_meta']['hostvars']
        for name, variables in hostvars.items():
            self.inventory.hosts[self.inventory.add_host(as_name(name))].vars.update(as_data(variables, seen))
        for name, content in document.items():
            group = self.inventory.add_group(as_name(name)) if name != '_meta' else None
            for host in content.get('hosts', []):
                self.inventory.add_host(as_name(host), group)
            if content.get('vars'):
                self.inventory.groups[group].vars.update(as_data(content['vars'], seen))
        for name in hostvars if any(self.get_option(key) for key in EXPRESSIONS[1:]) else []:
            self._construct(self.inventory.hosts[name], seen)

    def _construct(self, host, seen):
        strict, compose = self.get_option('strict'), self.get_option('compose')
        self._set_composite_vars(compose, host.get_vars(), host.name, strict)
        # What was composed is printed without a wrapper too.
        host.vars.update({name: as_data(host.vars[name], seen) for name in compose if name in host.vars})
        self._add_host_to_composed_groups(self.get_option('groups'), host.get_vars(), host.name, strict, fetch_hostvars=False)
        self._add_host_to_keyed_groups(self.get_option('keyed_groups'), host.get_vars(), host.name, strict, fetch_hostvars=False)
