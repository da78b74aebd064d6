#!/usr/bin/env python3
"""The example stacks, each in the region that the context value `region` names (`cdk deploy -c region=eu-west-1`)."""

import os

from aws_cdk import App, Environment

from stacks.chat.stack import ChatStack

app = App()
environment = Environment(account=os.environ.get("CDK_DEFAULT_ACCOUNT"), region=app.node.try_get_context("region") or "us-east-1")

ChatStack(app, "ChatStack", env=environment)

app.synth()
