#!/usr/bin/env python3
"""The example stacks, each in the region that the context value `region` names (`cdk deploy -c region=eu-west-1`).

The context value `stacks` makes some of them alone, as in `-c stacks=ChatStack,FinancialStack`; `removal-policy=destroy` lets what they
keep go with them (docs/deploying.md).
"""

import os

from aws_cdk import App, Environment

from constructs_pkg import StreamingFunction
from stacks.chat.stack import ChatStack
from stacks.financial.stack import FinancialStack
from stacks.observability.stack import ObservabilityStack
from stacks.recommendations.stack import RecommendationsStack
from stacks.removal import apply_removal_policy
from stacks.speech.stack import SpeechStack
from stacks.summarization.stack import SummarizationStack

STACKS = (ChatStack, FinancialStack, RecommendationsStack, SpeechStack, SummarizationStack)

app = App()
environment = Environment(account=os.environ.get("CDK_DEFAULT_ACCOUNT"), region=app.node.try_get_context("region") or "us-east-1")
wanted = [name for name in (app.node.try_get_context("stacks") or "").split(",") if name]

made = [stack(app, stack.__name__, env=environment) for stack in STACKS if not wanted or stack.__name__ in wanted]
if not wanted or ObservabilityStack.__name__ in wanted:
    watched = [found for stack in made for found in stack.node.find_all() if isinstance(found, StreamingFunction)]
    ObservabilityStack(app, ObservabilityStack.__name__, env=environment, watched=watched)

apply_removal_policy(app)
app.synth()
