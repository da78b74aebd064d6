"""Answers in one piece, by path or by `do`: a Python function on AWS's own client."""

import base64
import json


def handler(event, context):
    do = event.get("do") or event["rawPath"].strip("/").partition("/")[0]
    if do == "raise":
        raise ValueError("the secret word")
    return {
        "document": {"message": "hello"},
        "text": "hello",
        "number": 5,
        "shape": {
            "statusCode": 201,
            "headers": {"Content-Type": "text/csv", "X-Mine": "1", "Date": "today"},
            "cookies": ["a=1; Path=/", "b=2"],
            "body": "row\n",
        },
        "binary": {"statusCode": 200, "isBase64Encoded": True, "body": base64.b64encode(bytes(range(256))).decode()},
        "bare": {"statusCode": 202},
        "echo": {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(event)},
    }.get(do, "nothing of the kind")
