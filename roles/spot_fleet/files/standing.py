# Tells which queue, rule, launch template and stack of the given names are there, and whether each has its mark.
import json
import os
import sys

import boto3
from botocore.exceptions import BotoCoreError, ClientError

ABSENT = (
    "AWS.SimpleQueueService.NonExistentQueue",
    "QueueDoesNotExist",
    "ResourceNotFoundException",
    "InvalidLaunchTemplateName.NotFoundException",
)


def found(call, **named):
    try:
        return call(**named)
    except ClientError as error:
        said = error.response["Error"]
        # CloudFormation has no code of its own for it.
        is_no_stack = said["Code"] == "ValidationError" and "does not exist" in said.get("Message", "")
        if said["Code"] in ABSENT or is_no_stack:
            return None
        raise


def versions_of(region, name):
    pages = boto3.client("ec2", region_name=region).get_paginator("describe_launch_template_versions")
    return [one for page in pages.paginate(LaunchTemplateName=name) for one in page["LaunchTemplateVersions"]]


def told(asked):
    # As the modules of amazon.aws find it; boto3 by itself does not look at the first.
    region = asked.get("region") or os.environ.get("AWS_REGION")
    answer = {}

    def marked(tags):
        if isinstance(tags, list):
            tags = {tag["Key"]: tag["Value"] for tag in tags}
        return all(tags.get(key) == value for key, value in asked["tags"].items())

    if "queue" in asked:
        sqs = boto3.client("sqs", region_name=region)
        queue = found(sqs.get_queue_url, QueueName=asked["queue"])
        if queue:
            answer["queue"] = marked(sqs.list_queue_tags(QueueUrl=queue["QueueUrl"]).get("Tags", {}))
    if "rule" in asked:
        rule = found(boto3.client("events", region_name=region).describe_rule, Name=asked["rule"])
        if rule:
            answer["rule"] = rule.get("Description", "").endswith(asked["mark"])
    if "template" in asked:
        versions = found(versions_of, region=region, name=asked["template"])
        if versions:
            answer["template"] = any(one.get("VersionDescription", "").endswith(asked["mark"]) for one in versions)
    if "stack" in asked:
        stack = found(boto3.client("cloudformation", region_name=region).describe_stacks, StackName=asked["stack"])
        if stack and stack["Stacks"]:
            answer["stack"] = marked(stack["Stacks"][0].get("Tags", []))
    return answer


ASKED = json.loads(sys.argv[1])
try:
    print(json.dumps(told(ASKED)))
except (BotoCoreError, ClientError) as error:
    kinds = [kind for kind in ("queue", "rule", "template", "stack") if kind in ASKED]
    sys.exit("AWS does not tell whose " + " and ".join(kinds) + " these are: " + str(error))
