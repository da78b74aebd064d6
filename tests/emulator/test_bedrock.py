"""Bedrock's endpoint, as boto3 sees it. The model is scripted or an echo; the real one is in test_smollm2.py."""

from __future__ import annotations

import json
import time

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError

from constructs_pkg.emulator import Completion, EchoModel, ModelFailure, ScriptedModel
from tests.emulator.support import ACCOUNT, REGION, call, grant, wait_for

MODEL = "amazon.nova-micro-v1:0"
GUARDRAIL_ARN = f"arn:aws:bedrock:{REGION}:{ACCOUNT}:guardrail/abc123def456"
MODEL_ARN = f"arn:aws:bedrock:{REGION}::foundation-model/{MODEL}"
HELLO = [{"role": "user", "content": [{"text": "Hello there, my friend"}]}]


def client(emulator, principal: str = "admin", region: str = REGION):
    who = emulator.principals[principal]
    return boto3.client(
        "bedrock-runtime",
        region_name=region,
        endpoint_url=emulator.bedrock_endpoint,
        aws_access_key_id=who["access_key_id"],
        aws_secret_access_key=who["secret_access_key"],
        aws_session_token=who["session_token"],
        config=Config(retries={"max_attempts": 0}),
    )


@pytest.fixture
def bedrock(app, emulate):
    def made(model, *, principal: str = "admin"):
        app.function("Fn", "def handler(event, context):\n    yield 'x'\n")
        app.role("OnlyStream", grant("bedrock:InvokeModelWithResponseStream", MODEL_ARN))
        app.role("OtherModel", grant("bedrock:InvokeModelWithResponseStream", MODEL_ARN.replace("micro", "pro")))
        made.emulator = emulate(app, model=model)
        return client(made.emulator, principal)

    return made


def test_a_stream_has_every_event_that_bedrocks_has(bedrock) -> None:
    # https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
    completion = Completion(stop_reason="end_turn", input_tokens=7, output_tokens=2)
    answer = bedrock(ScriptedModel(["Hel", "lo ä", completion])).converse_stream(modelId=MODEL, messages=HELLO)
    events = list(answer["stream"])
    assert events[:5] == [
        {"messageStart": {"role": "assistant"}},
        {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "Hel"}}},
        {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "lo ä"}}},
        {"contentBlockStop": {"contentBlockIndex": 0}},
        {"messageStop": {"stopReason": "end_turn"}},
    ]
    assert events[5]["metadata"]["usage"] == {"inputTokens": 7, "outputTokens": 2, "totalTokens": 9}
    assert events[5]["metadata"]["metrics"]["latencyMs"] >= 0
    assert len(events) == 6


def test_converse_gives_the_whole_answer(bedrock) -> None:
    answer = bedrock(EchoModel()).converse(modelId=MODEL, messages=HELLO)
    assert answer["output"]["message"] == {"role": "assistant", "content": [{"text": "Hello there, my friend"}]}
    assert (answer["stopReason"], answer["usage"]["outputTokens"]) == ("end_turn", 4)


def test_what_was_asked_reaches_the_model(bedrock) -> None:
    model = ScriptedModel(["x"])
    bedrock(model).converse(
        modelId=MODEL,
        system=[{"text": "Be brief."}],
        messages=[
            *HELLO,
            {"role": "assistant", "content": [{"text": "Hi"}]},
            {"role": "user", "content": [{"text": "a"}, {"text": "b"}]},
        ],
        inferenceConfig={"maxTokens": 5, "temperature": 0.5, "topP": 0.25, "stopSequences": ["END"]},
    )
    (request,) = model.requests
    assert [(message.role, message.text) for message in request.messages] == [
        ("system", "Be brief."),
        ("user", "Hello there, my friend"),
        ("assistant", "Hi"),
        ("user", "a\nb"),
    ]
    assert (request.max_tokens, request.temperature, request.top_p, request.stop_sequences) == (5, 0.5, 0.25, ("END",))


def test_the_echo_honours_its_pace_and_its_limits(bedrock) -> None:
    bedrock = bedrock(EchoModel(50))
    started = time.monotonic()
    times = [
        time.monotonic()
        for event in bedrock.converse_stream(modelId=MODEL, messages=HELLO)["stream"]
        if "contentBlockDelta" in event
    ]
    assert len(times) == 4
    assert times[-1] - started >= 4 / 50
    answer = bedrock.converse(modelId=MODEL, messages=HELLO, inferenceConfig={"maxTokens": 2})
    assert (answer["output"]["message"]["content"][0]["text"], answer["stopReason"]) == ("Hello there,", "max_tokens")
    answer = bedrock.converse(modelId=MODEL, messages=HELLO, inferenceConfig={"stopSequences": [", my"]})
    assert (answer["output"]["message"]["content"][0]["text"], answer["stopReason"]) == ("Hello there", "stop_sequence")


def test_throttling_before_the_stream_is_an_http_error(bedrock) -> None:
    bedrock = bedrock(ScriptedModel([ModelFailure("ThrottlingException", "Too many requests, please wait before trying again.")]))
    with pytest.raises(ClientError) as failure:
        bedrock.converse_stream(modelId=MODEL, messages=HELLO)
    assert failure.value.response["Error"]["Code"] == "ThrottlingException"
    assert failure.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429


def test_a_failure_in_the_middle_is_an_exception_event(bedrock) -> None:
    bedrock = bedrock(ScriptedModel(["Hel", ModelFailure("ModelStreamErrorException", "it broke")]))
    seen = []
    with pytest.raises(EventStreamError, match="it broke") as failure:
        seen.extend(bedrock.converse_stream(modelId=MODEL, messages=HELLO)["stream"])
    assert failure.value.response["Error"]["Code"] == "modelStreamErrorException"


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"messages": []}, "must start with a user message"),
        ({"messages": [{"role": "assistant", "content": [{"text": "x"}]}]}, "must start with a user message"),
        ({"messages": HELLO * 2}, "must alternate between user and assistant"),
        ({"messages": [{"role": "user", "content": [{"text": " "}]}]}, "messages.0.content.0 is blank"),
        ({"messages": HELLO, "inferenceConfig": {"temperature": 1.5}}, "less than or equal to 1"),
        (
            {"messages": HELLO, "toolConfig": {"tools": [{"toolSpec": {"name": "t", "inputSchema": {"json": {}}}}]}},
            "not emulated",
        ),
    ],
)
def test_bad_input_is_a_validation_exception(bedrock, request_, words: str) -> None:
    with pytest.raises(ClientError) as failure:
        bedrock(EchoModel()).converse_stream(modelId=MODEL, **request_)
    assert failure.value.response["Error"]["Code"] == "ValidationException"
    assert words in failure.value.response["Error"]["Message"]


GUARDRAIL = {"guardrailIdentifier": GUARDRAIL_ARN.rpartition("/")[2], "guardrailVersion": "1", "streamProcessingMode": "sync"}


def test_a_guardrail_is_asked_permission_for_and_judges_nothing(bedrock, app, logs) -> None:
    app.role("Guarded", grant("bedrock:InvokeModelWithResponseStream", MODEL_ARN), grant("bedrock:ApplyGuardrail", GUARDRAIL_ARN))
    guarded = bedrock(EchoModel(), principal="Test/Guarded")
    for named in (GUARDRAIL["guardrailIdentifier"], GUARDRAIL_ARN):
        config = {**GUARDRAIL, "guardrailIdentifier": named}
        assert list(guarded.converse_stream(modelId=MODEL, messages=HELLO, guardrailConfig=config)["stream"])
    assert len(logs.having("judges nothing")) == 1
    with pytest.raises(ClientError) as refused:
        guarded.converse_stream(
            modelId=MODEL, messages=HELLO, guardrailConfig={**GUARDRAIL, "guardrailIdentifier": "another0guard"}
        )
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
    assert "bedrock:ApplyGuardrail" in refused.value.response["Error"]["Message"]
    with pytest.raises(ClientError, match="guardrailConfig must have both"):
        guarded.converse_stream(modelId=MODEL, messages=HELLO, guardrailConfig={"guardrailIdentifier": "abc"})


def test_only_the_granted_action_on_the_granted_model_is_allowed(bedrock) -> None:
    allowed = bedrock(EchoModel(), principal="Test/OnlyStream")
    assert list(allowed.converse_stream(modelId=MODEL, messages=HELLO)["stream"])
    with pytest.raises(ClientError) as refused:
        allowed.converse(modelId=MODEL, messages=HELLO)
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
    assert "bedrock:InvokeModel" in refused.value.response["Error"]["Message"]
    with pytest.raises(ClientError) as refused:
        client(bedrock.emulator, "Test/OtherModel").converse_stream(modelId=MODEL, messages=HELLO)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_an_inference_profile_needs_the_profile_and_the_model(app, emulate) -> None:
    # https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-prereq.html
    profile_arn = f"arn:aws:bedrock:{REGION}:{ACCOUNT}:inference-profile/eu.{MODEL}"
    app.function("Fn", "def handler(event, context):\n    yield 'x'\n")
    app.role("Both", grant("bedrock:InvokeModelWithResponseStream", [MODEL_ARN, profile_arn]))
    app.role("ModelOnly", grant("bedrock:InvokeModelWithResponseStream", MODEL_ARN))
    emulator = emulate(app, model="echo")
    for model_id in (f"eu.{MODEL}", profile_arn):
        assert list(client(emulator, "Test/Both").converse_stream(modelId=model_id, messages=HELLO)["stream"])
        with pytest.raises(ClientError, match="AccessDeniedException"):
            client(emulator, "Test/ModelOnly").converse_stream(modelId=model_id, messages=HELLO)


def test_one_endpoint_stands_for_every_region_and_policies_tell_them_apart(app, emulate) -> None:
    app.function("Fn", "def handler(event, context):\n    yield 'x'\n")
    app.role("Here", grant("bedrock:InvokeModelWithResponseStream", MODEL_ARN))
    emulator = emulate(app, model="echo")
    assert list(client(emulator, "Test/Here").converse_stream(modelId=MODEL, messages=HELLO)["stream"])
    assert list(client(emulator, region="us-east-1").converse_stream(modelId=MODEL, messages=HELLO)["stream"])
    with pytest.raises(ClientError, match=r"us-east-1::foundation-model"):
        client(emulator, "Test/Here", region="us-east-1").converse_stream(modelId=MODEL, messages=HELLO)


def test_a_model_can_be_allowed_through_its_profile_alone(app, emulate) -> None:
    # https://docs.aws.amazon.com/bedrock/latest/userguide/global-cross-region-inference.html: three ARNs, two of them by condition
    app.function("Fn", "def handler(event, context):\n    yield 'x'\n")
    profile = f"arn:aws:bedrock:{REGION}:{ACCOUNT}:inference-profile/global.{MODEL}"
    through = {"bedrock:InferenceProfileArn": profile}
    action = "bedrock:InvokeModelWithResponseStream"
    statements = [
        grant(action, profile),
        grant(action, MODEL_ARN, StringEquals=through),
        grant(
            action, f"arn:aws:bedrock:::foundation-model/{MODEL}", StringEquals={**through, "aws:RequestedRegion": "unspecified"}
        ),
    ]
    app.role("All", *statements)
    app.role("Without", *statements[:2])
    emulator = emulate(app, model="echo")
    assert list(client(emulator, "Test/All").converse_stream(modelId=f"global.{MODEL}", messages=HELLO)["stream"])
    with pytest.raises(ClientError, match=r"bedrock:::foundation-model"):
        client(emulator, "Test/Without").converse_stream(modelId=f"global.{MODEL}", messages=HELLO)
    with pytest.raises(ClientError, match="AccessDeniedException"):
        client(emulator, "Test/All").converse_stream(modelId=MODEL, messages=HELLO)


CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
BODIES = {
    CLAUDE: {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 9,
        "system": "Be brief.",
        "messages": [{"role": "user", "content": "Hello there"}],
    },
    MODEL: {"messages": [{"role": "user", "content": [{"text": "Hello there"}]}], "inferenceConfig": {"maxTokens": 9}},
    "us.meta.llama3-1-8b-instruct-v1:0": {"prompt": "Hello there", "max_gen_len": 9},
}


def text_of(document: dict) -> str:
    """The text in any vendor's answer or piece of one."""
    if "generation" in document:
        return document["generation"]
    if "output" in document:
        return document["output"]["message"]["content"][0]["text"]
    if "contentBlockDelta" in document:
        return document["contentBlockDelta"]["delta"]["text"]
    if document.get("type") == "content_block_delta":
        return document["delta"]["text"]
    return document["content"][0]["text"] if document.get("type") == "message" else ""


@pytest.mark.parametrize("model", BODIES)
def test_each_vendors_own_request_is_answered_in_its_own_form(bedrock, model: str) -> None:
    answer = bedrock(EchoModel()).invoke_model(modelId=model, body=json.dumps(BODIES[model]))
    assert answer["contentType"] == "application/json"
    assert text_of(json.loads(answer["body"].read())) == "Hello there"
    assert answer["ResponseMetadata"]["HTTPHeaders"]["x-amzn-bedrock-output-token-count"] == "2"


@pytest.mark.parametrize("model", BODIES)
def test_each_vendors_stream_is_in_its_own_form(bedrock, model: str) -> None:
    answer = bedrock(EchoModel()).invoke_model_with_response_stream(modelId=model, body=json.dumps(BODIES[model]))
    assert answer["contentType"] == "application/json"
    events = [json.loads(event["chunk"]["bytes"]) for event in answer["body"]]
    assert "".join(map(text_of, events)) == "Hello there"
    assert events[-1]["amazon-bedrock-invocationMetrics"]["outputTokenCount"] == 2


def test_anthropics_own_client_reads_the_stream(bedrock) -> None:
    anthropic = pytest.importorskip("anthropic")
    bedrock(EchoModel())
    who = bedrock.emulator.principals["admin"]
    made = anthropic.AnthropicBedrock(
        aws_access_key=who["access_key_id"],
        aws_secret_key=who["secret_access_key"],
        aws_region=REGION,
        base_url=bedrock.emulator.bedrock_endpoint,
        max_retries=0,
    )
    with made.messages.stream(model=CLAUDE, max_tokens=9, messages=[{"role": "user", "content": "Hello there"}]) as stream:
        assert "".join(stream.text_stream) == "Hello there"
        assert stream.get_final_message().stop_reason == "end_turn"
    made.close()


@pytest.mark.parametrize(
    ("model", "body"),
    [
        (CLAUDE, {"messages": []}),
        (CLAUDE, {"anthropic_version": "bedrock-2023-05-31"}),
        ("mistral.x", {"prompt": "x"}),
        ("meta.llama3", {}),
    ],
)
def test_a_body_that_the_model_does_not_take_is_a_validation_exception(bedrock, model: str, body: dict) -> None:
    with pytest.raises(ClientError, match="ValidationException"):
        bedrock(EchoModel()).invoke_model(modelId=model, body=json.dumps(body))


def test_without_a_model_the_caller_is_told_why(bedrock) -> None:
    with pytest.raises(ClientError) as failure:
        bedrock(None).converse_stream(modelId=MODEL, messages=HELLO)
    assert failure.value.response["Error"]["Code"] == "ServiceUnavailableException"
    assert "--model" in failure.value.response["Error"]["Message"]


HANDLER = """
import boto3

def handler(event, context):
    client = boto3.client("bedrock-runtime")
    answer = client.converse_stream(modelId="amazon.nova-micro-v1:0", messages=[{"role": "user", "content": [{"text": event["body"]}]}])
    for item in answer["stream"]:
        if "contentBlockDelta" in item:
            yield item["contentBlockDelta"]["delta"]["text"]
"""


def test_a_handler_reaches_the_model_with_its_roles_permission_and_nothing_else(app, emulate) -> None:
    app.function("Fn", HANDLER, role_statements=(grant("bedrock:InvokeModelWithResponseStream", MODEL_ARN),))
    app.function("Refused", HANDLER)
    emulator = emulate(app, model="echo")
    headers = {"Content-Type": "text/plain"}
    response = call(emulator.urls["Test/Fn"], emulator.principals["admin"], body=b"one two three", headers=headers)
    assert response.read() == b"one two three"
    refused = call(emulator.urls["Test/Refused"], emulator.principals["admin"], body=b"one two three", headers=headers)
    assert refused.status == 502


def test_a_caller_that_leaves_stops_the_model(bedrock) -> None:
    model = ScriptedModel(["word "] * 200_000)
    answer = bedrock(model).converse_stream(modelId=MODEL, messages=HELLO)
    next(iter(answer["stream"]))
    answer["stream"].close()
    wait_for(lambda: model.cancelled == 1)


def refused(bedrock, **request) -> str:
    with pytest.raises(ClientError) as refusal:
        bedrock.converse(modelId=MODEL, **request)
    answer = refusal.value.response
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]) == (400, "ValidationException")
    return answer["Error"]["Message"]


@pytest.mark.parametrize(
    ("name", "block"),
    [
        ("image", {"image": {"format": "png", "source": {"bytes": b"x"}}}),
        ("document", {"document": {"format": "pdf", "name": "a", "source": {"bytes": b"x"}}}),
        ("video", {"video": {"format": "mp4", "source": {"bytes": b"x"}}}),
        ("toolResult", {"toolResult": {"toolUseId": "1", "content": [{"text": "x"}]}}),
        ("reasoningContent", {"reasoningContent": {"reasoningText": {"text": "x"}}}),
    ],
)
def test_what_is_no_text_is_refused_by_its_name(bedrock, name: str, block: dict) -> None:
    told = refused(bedrock(EchoModel()), messages=[{"role": "user", "content": [{"text": "What is this?"}, block]}])
    assert told.startswith(f"{name} is not emulated: the local model takes and gives text alone.")
    assert "messages.0.content.1" in told


@pytest.mark.parametrize("name", ["toolConfig", "outputConfig"])
def test_what_would_change_the_form_of_the_answer_is_refused(bedrock, name: str) -> None:
    schema = {"type": "json_schema", "structure": {"jsonSchema": {"schema": "{}"}}}
    tools = {"tools": [{"toolSpec": {"name": "t", "inputSchema": {"json": {}}}}]}
    given = {"toolConfig": tools, "outputConfig": {"textFormat": schema}}[name]
    assert refused(bedrock(EchoModel()), messages=HELLO, **{name: given}).startswith(f"{name} (")


def test_marks_for_caches_and_guardrails_are_passed_over(bedrock) -> None:
    blocks = [{"text": "Hello"}, {"cachePoint": {"type": "default"}}, {"guardContent": {"text": {"text": "there"}}}]
    answer = bedrock(EchoModel()).converse(modelId=MODEL, messages=[{"role": "user", "content": blocks}])
    assert answer["output"]["message"]["content"][0]["text"].split() == ["Hello", "there"]


def test_a_picture_for_claude_is_refused_by_its_name(bedrock) -> None:
    content = [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "eA=="}}]
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 5, "messages": [{"role": "user", "content": content}]}
    with pytest.raises(ClientError, match="image is not emulated: the local model takes and gives text alone"):
        bedrock(EchoModel()).invoke_model(modelId="anthropic.claude-3-haiku-20240307-v1:0", body=json.dumps(body))
