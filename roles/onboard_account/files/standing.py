# Tells of IAM objects and rules which are there, which of them have the mark, and to what the policies are attached.
import json
import sys

import boto3
from botocore.exceptions import BotoCoreError, ClientError


def found(call, **named):
    try:
        return call(**named)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchEntity", "ResourceNotFoundException"):
            return None
        raise


def told(asked):
    iam = boto3.client("iam", region_name=asked["region"])

    def marks(item):
        tags = {tag["Key"]: tag["Value"] for tag in item.get("Tags", [])}
        return all(tags.get(key) == value for key, value in asked["mark"].items())

    answer = {"roles": {}, "profiles": {}, "policies": {}, "attached": {}, "rules": {}}
    for name in asked["roles"]:
        role = found(iam.get_role, RoleName=name)
        if role:
            answer["roles"][name] = marks(role["Role"])
    for name in asked["profiles"]:
        profile = found(iam.get_instance_profile, InstanceProfileName=name)
        if profile:
            answer["profiles"][name] = marks(profile["InstanceProfile"])
    for arn in asked["policies"]:
        policy = found(iam.get_policy, PolicyArn=arn)
        if policy:
            name = policy["Policy"]["PolicyName"]
            answer["policies"][name] = marks(policy["Policy"])
            pages = iam.get_paginator("list_entities_for_policy").paginate(PolicyArn=arn)
            answer["attached"][name] = [
                kind.lower() + " " + one[kind + "Name"]
                for page in pages
                for kind in ("Role", "User", "Group")
                for one in page["Policy" + kind + "s"]
            ]
    for region in asked["event_regions"]:
        events = boto3.client("events", region_name=region)
        rule = found(events.describe_rule, Name=asked["event_rule"])
        if rule:
            answer["rules"][region] = rule.get("Description", "").endswith(asked["event_mark"])
    return answer


try:
    print(json.dumps(told(json.loads(sys.argv[1]))))
except (BotoCoreError, ClientError) as error:
    sys.exit("AWS does not tell whose roles, profiles, policies and rules these are: " + str(error))
