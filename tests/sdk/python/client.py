"""Runs cells of the compatibility matrix with the official SDKs, unmodified.

Reads a plan (JSON) from standard input and prints one JSON line for each cell. `--list` prints what can be run:
`{sdk: {dialect: [feature, …]}}`. The plan:

    {"base_url": "http://…", "https_base_url": "https://…", "ca": "ca.pem", "key": "…",
     "aws": {"auth": "bearer" | "sigv4", "access_key_id": "…", "secret_access_key": "…", "region": "…"},
     "aws_cli": "path of the AWS CLI", "cells": [{"id": "…", "sdk": "…", "dialect": "…", "provider": "…", "model": "…", "feature": "…"}]}

A cell may have its own `base_url`, `https_base_url` and `key`. `provider` says who is behind the address, because some
things (signatures, cached tokens) only some providers have. `"native": true` marks a provider without a gateway.
"""

import json
import os
import sys
import time

for name in [name for name in os.environ if name.startswith(("AWS_", "OPENAI_", "ANTHROPIC_"))]:
    del os.environ[name]

import adapters_anthropic  # noqa: E402
import adapters_boto3  # noqa: E402
import adapters_cli  # noqa: E402
import adapters_openai  # noqa: E402
import features  # noqa: E402

ADAPTERS = {
    "openai-py": {
        "chat": adapters_openai.Chat,
        "responses": adapters_openai.Responses,
        "embeddings": adapters_openai.Embeddings,
    },
    "anthropic-py": {"messages": adapters_anthropic.Messages},
    "anthropic-bedrock-py": {"invoke": adapters_anthropic.BedrockMessages},
    "boto3": {
        "converse": adapters_boto3.Converse,
        "invoke": adapters_boto3.Invoke,
        "invoke_embeddings": adapters_boto3.InvokeEmbeddings,
        "async_invoke": adapters_boto3.AsyncInvoke,
        "guardrail": adapters_boto3.Guardrail,
    },
    "aws-cli": {
        "converse": adapters_cli.Converse,
        "invoke": adapters_cli.Invoke,
        "guardrail": adapters_cli.Guardrail,
    },
}
# What an SDK has no way to ask for.
LACKING = {
    ("openai-py", "responses"): {"stop_sequence"},
    # Exceptions have no type of their own there.
    ("anthropic-bedrock-py", "invoke"): {"count_tokens", "request_metadata", "stream_exceptions"},
}


# The AWS CLI starts a process for each call, so only what is its own is run: its arguments and its identity.
CLI = ("plain", "tools", "count_tokens", "guardrail", "error_401", "error_400", "error_429")


def offered(sdk, dialect):
    names = [name for name in features.named(dialect) if name not in LACKING.get((sdk, dialect), ())]
    return [name for name in names if sdk != "aws-cli" or name in CLI]


def run(plan, cell):
    adapter = ADAPTERS[cell["sdk"]][cell["dialect"]](plan, cell)
    features.named(cell["dialect"])[cell["feature"]](adapter, cell)


def main():
    if "--list" in sys.argv:
        print(json.dumps({sdk: {d: offered(sdk, d) for d in dialects} for sdk, dialects in ADAPTERS.items()}))
        return
    plan = json.load(sys.stdin)
    for cell in plan["cells"]:
        start = time.monotonic()
        try:
            run(plan, cell)
            ok, detail = True, ""
        except Exception as error:  # every failure of a cell is a result
            ok, detail = False, f"{type(error).__name__}: {error}"[:2000]
        millis = round((time.monotonic() - start) * 1000)
        print(json.dumps({"id": cell["id"], "ok": ok, "detail": detail, "ms": millis}), flush=True)


main()
