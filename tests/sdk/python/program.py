"""An application as a team would have written it for Amazon Bedrock: `python program.py < TASKS`, one task each line.

Where it calls, and as whom, is for its environment to say.
"""

import json
import sys

import boto3
from botocore.exceptions import ClientError

CLAUDE = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
TITAN = "amazon.titan-embed-text-v2:0"
WEATHER = {
    "toolSpec": {
        "name": "get_weather",
        "description": "The weather in a city",
        "inputSchema": {
            "json": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    },
}

bedrock = boto3.client("bedrock-runtime")


def summarise(text):
    answer = bedrock.converse(
        modelId=CLAUDE,
        system=[{"text": "You summarise in one sentence."}],
        messages=[{"role": "user", "content": [{"text": text}]}],
        inferenceConfig={"maxTokens": 200, "temperature": 0.2},
        requestMetadata={"feature": "summary"},
    )
    return answer["output"]["message"]["content"][0]["text"], answer["usage"]["totalTokens"]


def use_tools(question):
    """Streams an answer; runs the tools that it asks for; streams the answer to their results."""
    messages = [{"role": "user", "content": [{"text": question}]}]
    while True:
        stop, blocks = None, {}
        stream = bedrock.converse_stream(modelId=CLAUDE, messages=messages, toolConfig={"tools": [WEATHER]})["stream"]
        for event in stream:
            if "contentBlockStart" in event:
                use = event["contentBlockStart"]["start"]["toolUse"]
                blocks[event["contentBlockStart"]["contentBlockIndex"]] = {"toolUse": {**use, "input": ""}}
            elif "contentBlockDelta" in event:
                delta, index = event["contentBlockDelta"]["delta"], event["contentBlockDelta"]["contentBlockIndex"]
                if "text" in delta:
                    block = blocks.setdefault(index, {"text": ""})
                    block["text"] += delta["text"]
                elif "toolUse" in delta:
                    blocks[index]["toolUse"]["input"] += delta["toolUse"]["input"]
            elif "messageStop" in event:
                stop = event["messageStop"]["stopReason"]
        content = [blocks[index] for index in sorted(blocks)]
        if stop != "tool_use":
            return "".join(block.get("text", "") for block in content)
        results = []
        for block in content:
            if "toolUse" in block:
                use = block["toolUse"]
                use["input"] = json.loads(use["input"] or "{}")
                result = {"toolUseId": use["toolUseId"], "content": [{"json": {"celsius": len(use["input"]["city"])}}]}
                results.append({"toolResult": result})
        messages += [{"role": "assistant", "content": content}, {"role": "user", "content": results}]


def classify(text):
    body = {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 50,
        "messages": [{"role": "user", "content": text}],
    }
    answer = json.loads(bedrock.invoke_model(modelId=CLAUDE, body=json.dumps(body))["body"].read())
    return answer["content"][0]["text"], answer["usage"]["output_tokens"]


def dictate(text):
    body = {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 50,
        "messages": [{"role": "user", "content": text}],
    }
    spoken = ""
    for event in bedrock.invoke_model_with_response_stream(modelId=CLAUDE, body=json.dumps(body))["body"]:
        chunk = json.loads(event["chunk"]["bytes"])
        if chunk["type"] == "content_block_delta":
            spoken += chunk["delta"]["text"]
    return spoken


def embed(text):
    answer = bedrock.invoke_model(modelId=TITAN, body=json.dumps({"inputText": text}), contentType="application/json")
    vector = json.loads(answer["body"].read())["embedding"]
    return len(vector), round(sum(vector), 6)


def careful(text):
    """What the application does about errors."""
    try:
        return summarise(text)
    except bedrock.exceptions.ThrottlingException as error:
        return f"throttled, later: {error.response['Error']['Message']}"
    except bedrock.exceptions.ValidationException as error:
        return f"not valid: {error.response['Error']['Message']}"
    except ClientError as error:
        return f"{error.response['Error']['Code']} ({error.response['ResponseMetadata']['HTTPStatusCode']})"


def count(text):
    turns = [{"role": "user", "content": [{"text": text}]}]
    return bedrock.count_tokens(modelId=CLAUDE, input={"converse": {"messages": turns}})["inputTokens"]


DESK = {
    "summarise": careful, "ask": use_tools, "classify": classify, "dictate": dictate, "embed": embed, "count": count,
}


def main():
    for line in sys.stdin:
        task, _, text = line.rstrip("\n").partition(": ")
        print(task, DESK[task](text))


main()
