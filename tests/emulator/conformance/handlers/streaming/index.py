"""Does what it is told, by path or by `do`: a Python function on the streaming runtime."""

import json
import os
import time

from streaming_runtime import HttpResponse

NAMES = (
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_REGION",
    "LAMBDA_TASK_ROOT",
)
MORE = ("LAMBDA_RUNTIME_DIR", "TZ", "_HANDLER", "COLOUR", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_INITIALIZATION_TYPE")
calls = 0


def handler(event, context):
    global calls
    calls += 1
    do = event.get("do") or event["rawPath"].strip("/").partition("/")[0]
    if do == "echo":
        yield HttpResponse(200, {"content-type": "application/json"})
        yield json.dumps(event)
    elif do == "head":
        yield HttpResponse(201, {"content-type": "text/csv", "x-mine": "1"}, ["a=1; Path=/", "b=2"])
        yield "row\n"
    elif do == "slow":
        yield "one"
        time.sleep(1.5)
        yield "two"
    elif do == "before":
        raise ValueError("the secret word")
    elif do == "after":
        yield "one"
        time.sleep(0.2)
        raise ValueError("the secret word")
    elif do == "exit":
        os._exit(3)
    elif do == "nothing":
        yield HttpResponse(204, {})
    elif do == "look":
        yield HttpResponse(200, {"content-type": "application/json"})
        yield json.dumps(look(context))
    else:
        yield "hello"


def look(context):
    with open("/tmp/written", "a") as file:
        file.write("x")
    try:
        open("/var/task/written", "w").close()
        writes = True
    except OSError:
        writes = False
    return {
        "variables": {name: os.environ.get(name) for name in NAMES + MORE},
        "cwd": os.getcwd(),
        "file": __file__,
        "writes_to_task": writes,
        "tmp": os.path.getsize("/tmp/written"),
        "calls": calls,
        "arn": context.invoked_function_arn,
        "left": context.get_remaining_time_in_millis(),
        "request_id": context.aws_request_id,
    }
