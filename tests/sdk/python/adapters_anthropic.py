"""Anthropic's SDK, as adapters: Messages, and InvokeModel through its Bedrock client."""

import base64
import functools

import anthropic

from answer import Answer

ERRORS = {
    "unauthenticated": (anthropic.AuthenticationError,),
    "model": (anthropic.NotFoundError, anthropic.PermissionDeniedError),
    "invalid": (anthropic.BadRequestError,),
    "limited": (anthropic.RateLimitError,),
    "spent": (anthropic.APIStatusError,),
    "blocked": (anthropic.BadRequestError,),
    "failed": (anthropic.InternalServerError,),
    "stream": (anthropic.APIError,),
    "any": (Exception,),
}
FINISH = {
    "end_turn": "end", "max_tokens": "length", "tool_use": "tools", "stop_sequence": "stop", "refusal": "refusal",
}
OLD_HEADERS = {"anthropic-version": "2023-06-01", "Authorization": anthropic.omit}


@functools.cache
def connect(kind, **options):
    return kind(max_retries=0, timeout=20, **options)


class Messages:
    shows_thinking = True
    marks_cache = True
    tells_stop = True
    answers_when_blocked = False

    def __init__(self, plan, cell, key=None, model=None):
        self.plan, self.cell = plan, cell
        self.key = key or cell.get("key") or plan["key"]
        self.model = model or cell["model"]
        self.client = self.connect()

    def base_url(self):
        return self.cell.get("base_url") or self.plan["base_url"]

    def connect(self):
        return connect(anthropic.Anthropic, base_url=self.base_url(), api_key=self.key)

    def with_key(self, key):
        return type(self)(self.plan, self.cell, key=key, model=self.model)

    def with_model(self, model):
        return type(self)(self.plan, self.cell, key=self.key, model=model)

    def old_style(self):
        """The key as x-api-key and the version of 2023, as SDKs before 2.0 send them."""
        old = type(self)(self.plan, self.cell, key=self.key, model=self.model)
        old.client = self.client.with_options(default_headers={**OLD_HEADERS, "x-api-key": self.key})
        return old

    def with_retries(self):
        """With the SDK's own number of retries."""
        patient = type(self)(self.plan, self.cell, key=self.key, model=self.model)
        patient.client = self.client.with_options(max_retries=anthropic.DEFAULT_MAX_RETRIES)
        return patient

    def is_error(self, error, kind):
        if kind == "spent" and isinstance(error, anthropic.APIStatusError):
            return self.is_spent(error)
        return isinstance(error, ERRORS[kind])

    @staticmethod
    def is_spent(error):
        return error.status_code == 402 and error.body["error"]["type"] == "billing_error"

    def models(self):
        return [model.id for model in self.client.models.list()]

    @staticmethod
    def part(part):
        if "image" in part:
            data = base64.b64encode(part["image"]).decode()
            return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
        if "document" in part:
            data = base64.b64encode(part["document"]).decode()
            source = {"type": "base64", "media_type": "application/pdf", "data": data}
            return {"type": "document", "title": part["name"], "source": source}
        return {"type": "text", "text": part["text"]}

    def messages(self, turns):
        out = []
        for turn in turns:
            if turn["role"] == "user":
                out.append({"role": "user", "content": [self.part(part) for part in turn["parts"]]})
            elif turn["role"] == "assistant":
                out.append({"role": "assistant", "content": turn["answer"].again})
            else:
                blocks = [
                    {"type": "tool_result", "tool_use_id": result["id"], "content": result["text"]}
                    for result in turn["results"]
                ]
                out.append({"role": "user", "content": blocks})
        return out

    def body(self, turns, options):
        body = {"model": self.model, "messages": self.messages(turns), "max_tokens": options.get("max_tokens", 1000)}
        if "system" in options:
            body["system"] = options["system"]
            if options.get("cache"):
                mark = {"type": "ephemeral"}
                body["system"] = [{"type": "text", "text": options["system"], "cache_control": mark}]
        if "stop" in options:
            body["stop_sequences"] = options["stop"]
        if "tools" in options:
            body["tools"] = [
                {"name": t["name"], "description": t["description"], "input_schema": t["schema"]}
                for t in options["tools"]
            ]
        if "choice" in options:
            choice = options["choice"]
            body["tool_choice"] = {"type": "tool", **choice} if isinstance(choice, dict) else {"type": choice}
        if "schema" in options:
            body["output_config"] = {"format": {"type": "json_schema", "schema": options["schema"]}}
        if options.get("thinking"):
            body["thinking"] = {"type": "enabled", "budget_tokens": 2000}
        if "extra" in options:
            body["extra_body"] = options["extra"]
        return body

    def ask(self, turns, stream=False, seen=None, **options):
        body = self.body(turns, options)
        if not stream:
            return self.answer(self.client.messages.create(**body), 1)
        pieces = 0
        with self.client.messages.stream(**body) as events:
            for event in events:
                if event.type == "text":
                    pieces += 1
                    if seen is not None:
                        seen.append(event.text)
            final = events.get_final_message()
        if final.stop_reason is None:
            raise EOFError("the stream ended without message_delta")
        return self.answer(final, pieces)

    def answer(self, message, pieces):
        answer = Answer(finish=FINISH.get(message.stop_reason, message.stop_reason), pieces=pieces, again=[])
        for block in message.content:
            again = block.model_dump(exclude_none=True)
            for name in ("parsed_output", "citations", "caller"):
                again.pop(name, None)
            answer.again.append(again)
            if block.type == "text":
                answer.text += block.text
            elif block.type == "thinking":
                answer.thinking, answer.signature = block.thinking, block.signature
            elif block.type == "tool_use":
                answer.calls.append({"id": block.id, "name": block.name, "args": block.input})
        used = message.usage
        read, written = used.cache_read_input_tokens or 0, used.cache_creation_input_tokens or 0
        answer.usage = {
            "input": used.input_tokens + read + written, "output": used.output_tokens,
            "cache_read": read, "cache_write": written, "reasoning": 0,
        }
        return answer

    def count(self, turns, system):
        body = {"model": self.model, "messages": self.messages(turns), "system": system}
        return self.client.messages.count_tokens(**body).input_tokens


class BedrockMessages(Messages):
    """InvokeModel, as Anthropic's own client for Bedrock speaks it."""

    def connect(self):
        aws = self.plan.get("aws") or {}
        options = {"base_url": self.base_url(), "aws_region": aws.get("region", "us-east-1")}
        if aws.get("auth") == "sigv4":
            wrong = self.key == "wrong-key"
            options["aws_access_key"] = "AKIDWRONG" if wrong else aws["access_key_id"]
            options["aws_secret_key"] = aws["secret_access_key"]
        else:
            options["api_key"] = self.key
        return connect(anthropic.AnthropicBedrock, **options)

    @staticmethod
    def is_spent(error):
        # This SDK does not read the names of Bedrock's exceptions.
        named = error.response.headers.get("x-amzn-errortype", "")
        return isinstance(error, anthropic.BadRequestError) and named.startswith("ServiceQuotaExceededException")

    def is_error(self, error, kind):
        if kind == "unauthenticated" and isinstance(error, anthropic.PermissionDeniedError):
            return True
        if kind == "model" and isinstance(error, anthropic.BadRequestError):
            return "model identifier" in str(error)
        if kind == "failed" and isinstance(error, anthropic.APIStatusError):
            # 424 is Bedrock's ModelErrorException, for which this SDK has no class of its own.
            return error.status_code == 424 or super().is_error(error, kind)
        return super().is_error(error, kind)
