"""boto3, as adapters: Converse, InvokeModel for Claude and for embeddings, and asynchronous invocations."""

import json
import os

import boto3
import botocore.exceptions
from botocore.config import Config

from adapters_anthropic import FINISH, Messages
from answer import Answer

CODES = {
    "unauthenticated": ("UnrecognizedClientException", "AccessDeniedException", "MissingAuthenticationTokenException"),
    "model": ("ResourceNotFoundException", "ValidationException", "AccessDeniedException"),
    "invalid": ("ValidationException",),
    "limited": ("ThrottlingException",),
    "spent": ("ServiceQuotaExceededException",),
    "blocked": ("ValidationException",),
    "failed": ("InternalServerException", "ServiceUnavailableException", "ModelErrorException"),
}
# Clients by endpoint, key and whether they repeat calls: making one takes longer than most cells.
CLIENTS = {}
# A model that answers later: the talking models of cells do not.
REEL = "amazon.nova-reel-v1:1"
CONVERSE_FINISH = {
    **FINISH, "content_filtered": "refusal", "guardrail_intervened": "refusal",
}


class Base:
    shows_thinking = True
    marks_cache = True
    tells_stop = True
    answers_when_blocked = False
    retries = {"total_max_attempts": 1}

    def __init__(self, plan, cell, key=None, model=None):
        self.plan, self.cell = plan, cell
        self.key = key or cell.get("key") or plan["key"]
        self.model = model or cell["model"]

    @property
    def client(self):
        aws = self.plan.get("aws") or {}
        signed = aws.get("auth") == "sigv4"
        where = "base_url" if signed else "https_base_url"
        endpoint = self.cell.get(where) or self.plan[where]
        if not signed:
            # A bearer goes only over TLS: boto3 refuses it on http. The variable is read when a call is made.
            os.environ["AWS_BEARER_TOKEN_BEDROCK"] = self.key
        if (endpoint, self.key, not self.retries) not in CLIENTS:
            options = {"region_name": aws.get("region", "us-east-1"), "endpoint_url": endpoint}
            if signed:
                options["aws_access_key_id"] = "AKIDWRONG" if self.key == "wrong-key" else aws["access_key_id"]
                options["aws_secret_access_key"] = aws["secret_access_key"]
            if endpoint.startswith("https:"):
                options["verify"] = self.plan.get("ca") or None
            config = Config(retries=self.retries, read_timeout=20)
            client = boto3.session.Session().client("bedrock-runtime", config=config, **options)
            CLIENTS[endpoint, self.key, not self.retries] = client
        return CLIENTS[endpoint, self.key, not self.retries]

    def with_key(self, key):
        return type(self)(self.plan, self.cell, key=key, model=self.model)

    def with_model(self, model):
        return type(self)(self.plan, self.cell, key=self.key, model=model)

    def with_retries(self):
        """With the SDK's own number of retries."""
        patient = type(self)(self.plan, self.cell, key=self.key, model=self.model)
        patient.retries = None
        return patient

    def is_error(self, error, kind):
        if kind == "any":
            return True
        if kind == "stream":
            return isinstance(error, botocore.exceptions.EventStreamError)
        return (
            isinstance(error, botocore.exceptions.ClientError)
            and error.response["Error"]["Code"] in CODES[kind]
            and (kind != "model" or "model" in str(error).lower())
        )

    @staticmethod
    def code(error):
        return error.response["Error"]["Code"]


class Converse(Base):
    more_exceptions = ()
    answers_when_blocked = True

    @staticmethod
    def part(part):
        if "image" in part:
            return {"image": {"format": "png", "source": {"bytes": part["image"]}}}
        if "document" in part:
            return {"document": {"format": "pdf", "name": part["name"], "source": {"bytes": part["document"]}}}
        return {"text": part["text"]}

    def messages(self, turns):
        out = []
        for turn in turns:
            if turn["role"] == "user":
                out.append({"role": "user", "content": [self.part(part) for part in turn["parts"]]})
            elif turn["role"] == "assistant":
                out.append({"role": "assistant", "content": turn["answer"].again})
            else:
                blocks = [
                    {"toolResult": {"toolUseId": result["id"], "content": [{"text": result["text"]}]}}
                    for result in turn["results"]
                ]
                out.append({"role": "user", "content": blocks})
        return out

    def body(self, turns, options):
        body = {"modelId": self.model, "messages": self.messages(turns)}
        if "system" in options:
            body["system"] = [{"text": options["system"]}]
            if options.get("cache"):
                body["system"].append({"cachePoint": {"type": "default"}})
        limits = {}
        if "max_tokens" in options:
            limits["maxTokens"] = options["max_tokens"]
        if "stop" in options:
            limits["stopSequences"] = options["stop"]
        if limits:
            body["inferenceConfig"] = limits
        if "tools" in options:
            specs = [
                {
                    "toolSpec": {
                        "name": t["name"], "description": t["description"], "inputSchema": {"json": t["schema"]},
                    }
                }
                for t in options["tools"]
            ]
            body["toolConfig"] = {"tools": specs}
            choice = options.get("choice")
            if choice:
                body["toolConfig"]["toolChoice"] = {"tool": choice} if isinstance(choice, dict) else {choice: {}}
        if "schema" in options:
            schema = {"jsonSchema": {"schema": json.dumps(options["schema"]), "name": "person"}}
            body["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": schema}}
        fields = {}
        if options.get("thinking"):
            fields["thinking"] = {"type": "enabled", "budget_tokens": 2000}
        fields.update(options.get("extra", {}))
        if fields:
            body["additionalModelRequestFields"] = fields
        if "metadata" in options:
            body["requestMetadata"] = options["metadata"]
        return body

    def ask(self, turns, stream=False, seen=None, **options):
        body = self.body(turns, options)
        if not stream:
            whole = self.client.converse(**body)
            return self.answer(whole["output"]["message"]["content"], whole["stopReason"], whole["usage"], 1)
        return self.streamed(body, seen if seen is not None else [])

    def streamed(self, body, texts):
        blocks, finish, usage, pieces = {}, None, None, 0
        for event in self.client.converse_stream(**body)["stream"]:
            kind, inner = next(iter(event.items()))
            if kind == "contentBlockStart":
                use = inner["start"]["toolUse"]
                blocks[inner["contentBlockIndex"]] = {"toolUse": {**use, "input": ""}}
            elif kind == "contentBlockDelta":
                pieces += 1
                self.grow(blocks.setdefault(inner["contentBlockIndex"], {}), inner["delta"], texts)
            elif kind == "messageStop":
                finish = inner["stopReason"]
            elif kind == "metadata":
                usage = inner["usage"]
        if finish is None or usage is None:
            raise EOFError("the stream ended without messageStop or metadata")
        content = [blocks[index] for index in sorted(blocks)]
        for block in content:
            if "toolUse" in block:
                block["toolUse"]["input"] = json.loads(block["toolUse"]["input"] or "{}")
        return self.answer(content, finish, usage, pieces)

    @staticmethod
    def grow(block, delta, texts):
        if "text" in delta:
            texts.append(delta["text"])
            block["text"] = block.get("text", "") + delta["text"]
        elif "toolUse" in delta:
            block["toolUse"]["input"] += delta["toolUse"]["input"]
        elif "reasoningContent" in delta:
            shown = block.setdefault("reasoningContent", {"reasoningText": {"text": ""}})["reasoningText"]
            inner = delta["reasoningContent"]
            shown["text"] += inner.get("text", "")
            if "signature" in inner:
                shown["signature"] = inner["signature"]

    def answer(self, content, finish, usage, pieces):
        answer = Answer(finish=CONVERSE_FINISH.get(finish, finish), pieces=pieces, again=content)
        for block in content:
            answer.text += block.get("text", "")
            if "toolUse" in block:
                use = block["toolUse"]
                answer.calls.append({"id": use["toolUseId"], "name": use["name"], "args": use["input"]})
            if "reasoningContent" in block:
                shown = block["reasoningContent"]["reasoningText"]
                answer.thinking, answer.signature = shown["text"], shown.get("signature", "")
        read, written = usage.get("cacheReadInputTokens", 0), usage.get("cacheWriteInputTokens", 0)
        if usage["totalTokens"] != usage["inputTokens"] + usage["outputTokens"] + read + written:
            raise AssertionError(f"totalTokens is no sum: {usage}")
        answer.usage = {
            "input": usage["inputTokens"] + read + written, "output": usage["outputTokens"],
            "cache_read": read, "cache_write": written, "reasoning": 0,
        }
        return answer

    def count(self, turns, system):
        conversation = {"messages": self.messages(turns), "system": [{"text": system}]}
        return self.client.count_tokens(modelId=self.model, input={"converse": conversation})["inputTokens"]


class Invoke(Base):
    """InvokeModel with Claude's own body, without Anthropic's SDK."""

    more_exceptions = ("modelTimeoutException",)

    def body(self, turns, options):
        body = Messages.body(self, turns, options)
        body.update(body.pop("extra_body", {}))
        del body["model"]
        return {**body, "anthropic_version": "bedrock-2023-05-31"}

    def messages(self, turns):
        return Messages.messages(self, turns)

    part = staticmethod(Messages.part)

    def ask(self, turns, stream=False, seen=None, metadata=None, **options):
        request = {"modelId": self.model, "body": json.dumps(self.body(turns, options))}
        if metadata:
            request["requestMetadata"] = json.dumps(metadata)
        if not stream:
            whole = self.client.invoke_model(**request)
            return self.answer(json.loads(whole["body"].read()), 1)
        return self.streamed(request, seen if seen is not None else [])

    def streamed(self, request, texts):
        message, pieces, last = None, 0, None
        for event in self.client.invoke_model_with_response_stream(**request)["body"]:
            event = json.loads(event["chunk"]["bytes"])
            last = event["type"]
            if last == "message_start":
                message = event["message"]
            elif last == "content_block_start":
                message["content"].append(event["content_block"])
            elif last == "content_block_delta":
                pieces += 1
                self.grow(message["content"][event["index"]], event["delta"], texts)
            elif last == "content_block_stop":
                block = message["content"][event["index"]]
                if block["type"] == "tool_use":
                    block["input"] = json.loads(block.pop("json", "") or "{}")
            elif last == "message_delta":
                message.update(event["delta"])
                message["usage"].update(event["usage"])
            elif last == "message_stop" and "amazon-bedrock-invocationMetrics" not in event:
                raise AssertionError("message_stop carries no amazon-bedrock-invocationMetrics")
        if last != "message_stop":
            raise EOFError("the stream ended without message_stop")
        return self.answer(message, pieces)

    @staticmethod
    def grow(block, delta, texts):
        if delta["type"] == "text_delta":
            texts.append(delta["text"])
            block["text"] += delta["text"]
        elif delta["type"] == "input_json_delta":
            block["json"] = block.get("json", "") + delta["partial_json"]
        elif delta["type"] == "thinking_delta":
            block["thinking"] += delta["thinking"]
        elif delta["type"] == "signature_delta":
            block["signature"] = delta["signature"]

    def answer(self, message, pieces):
        finish = FINISH.get(message["stop_reason"], message["stop_reason"])
        answer = Answer(finish=finish, pieces=pieces, again=[])
        for block in message["content"]:
            again = {name: value for name, value in block.items() if value is not None}
            answer.again.append(again)
            if block["type"] == "text":
                answer.text += block["text"]
            elif block["type"] == "thinking":
                answer.thinking, answer.signature = block["thinking"], block["signature"]
            elif block["type"] == "tool_use":
                answer.calls.append({"id": block["id"], "name": block["name"], "args": block["input"]})
        used = message["usage"]
        read, written = used.get("cache_read_input_tokens") or 0, used.get("cache_creation_input_tokens") or 0
        answer.usage = {
            "input": used["input_tokens"] + read + written, "output": used["output_tokens"],
            "cache_read": read, "cache_write": written, "reasoning": 0,
        }
        return answer

    def count(self, turns, system):
        body = json.dumps(
            {
                "messages": self.messages(turns), "system": system, "max_tokens": 100,
                "anthropic_version": "bedrock-2023-05-31",
            }
        )
        return self.client.count_tokens(modelId=self.model, input={"invokeModel": {"body": body}})["inputTokens"]


class Guardrail(Base):
    def apply(self, text):
        content = [{"text": {"text": text}}]
        named = {"guardrailIdentifier": "grsimulated", "guardrailVersion": "1"}
        return self.client.apply_guardrail(source="INPUT", content=content, **named)["action"]


class InvokeEmbeddings(Base):
    """InvokeModel with the bodies of Titan and Cohere."""

    def invoke(self, body):
        answer = self.client.invoke_model(modelId=self.model, body=json.dumps(body))
        headers = answer["ResponseMetadata"]["HTTPHeaders"]
        return json.loads(answer["body"].read()), headers.get("x-amzn-bedrock-input-token-count")

    def ask(self, turns, **options):
        texts = [part["text"] for turn in turns for part in turn["parts"]]
        return self.invoke({"inputText": texts[0]} if texts else {})

    def embed(self, texts):
        if "cohere" in self.model:
            whole, used = self.invoke({"texts": texts, "input_type": "search_document"})
            return whole["embeddings"], used and int(used)
        answers = [self.invoke({"inputText": text})[0] for text in texts]
        return [a["embedding"] for a in answers], sum(a["inputTextTokenCount"] for a in answers)


class AsyncInvoke(Base):
    """StartAsyncInvoke, and what comes after it."""

    def ask(self, turns, **options):
        return self.start(turns[0]["parts"][0]["text"])

    def start(self, prompt, output="s3://proof-output/default/x"):
        model = REEL if self.cell["provider"] == "bedrock" else self.model
        return self.client.start_async_invoke(
            modelId=model,
            modelInput={"taskType": "TEXT_VIDEO", "textToVideoParams": {"text": prompt}},
            outputDataConfig={"s3OutputDataConfig": {"s3Uri": output}},
            tags=[{"key": "app", "value": "shop"}],
        )["invocationArn"]

    def look(self, arn):
        return self.client.get_async_invoke(invocationArn=arn)["status"]

    def all(self, **filters):
        pages = self.client.get_paginator("list_async_invokes").paginate(
            sortBy="SubmissionTime", sortOrder="Descending", PaginationConfig={"PageSize": 1}, **filters
        )
        return [summary["invocationArn"] for page in pages for summary in page["asyncInvokeSummaries"]]
