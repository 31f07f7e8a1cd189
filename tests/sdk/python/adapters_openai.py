"""OpenAI's SDK, as adapters: Chat Completions, Responses, Embeddings."""

import functools
import json

import openai

from answer import Answer, data_url

ERRORS = {
    "unauthenticated": (openai.AuthenticationError,),
    "model": (openai.NotFoundError, openai.PermissionDeniedError),
    "invalid": (openai.BadRequestError,),
    "limited": (openai.RateLimitError,),
    "spent": (openai.RateLimitError,),
    "blocked": (openai.BadRequestError,),
    "failed": (openai.InternalServerError,),
    "stream": (openai.APIError,),
    "any": (Exception,),
}


@functools.cache
def connect(base_url, key):
    return openai.OpenAI(base_url=base_url, api_key=key, max_retries=0, timeout=20)


class Base:
    shows_thinking = False
    marks_cache = False
    tells_stop = False
    answers_when_blocked = False

    def __init__(self, plan, cell, key=None, model=None):
        self.plan, self.cell = plan, cell
        self.key = key or cell.get("key") or plan["key"]
        self.model = model or cell["model"]
        base = cell.get("base_url") or plan["base_url"]
        self.client = connect(f"{base}/v1", self.key)

    def with_key(self, key):
        return type(self)(self.plan, self.cell, key=key, model=self.model)

    def with_model(self, model):
        return type(self)(self.plan, self.cell, key=self.key, model=model)

    def with_retries(self):
        """With the SDK's own number of retries."""
        patient = type(self)(self.plan, self.cell, key=self.key, model=self.model)
        patient.client = self.client.with_options(max_retries=openai.DEFAULT_MAX_RETRIES)
        return patient

    def is_error(self, error, kind):
        if kind == "spent" and getattr(error, "type", None) != "insufficient_quota":
            return False
        if kind == "blocked" and getattr(error, "code", None) != "content_filter":
            return False
        return isinstance(error, ERRORS[kind])

    def models(self):
        return [model.id for model in self.client.models.list()]

    def old_limit(self):
        """Compatible servers know only the old name of the output limit."""
        return self.cell.get("provider") == "compatible" and self.cell.get("native")


class Chat(Base):
    def messages(self, turns, system):
        out = [{"role": "system", "content": system}] if system else []
        for turn in turns:
            if turn["role"] == "user":
                out.append({"role": "user", "content": [self.part(part) for part in turn["parts"]]})
            elif turn["role"] == "assistant":
                out.append(turn["answer"].again)
            else:
                for result in turn["results"]:
                    out.append({"role": "tool", "tool_call_id": result["id"], "content": result["text"]})
        return out

    @staticmethod
    def part(part):
        if "image" in part:
            return {"type": "image_url", "image_url": {"url": data_url("image/png", part["image"])}}
        if "document" in part:
            file = {"filename": part["name"] + ".pdf", "file_data": data_url("application/pdf", part["document"])}
            return {"type": "file", "file": file}
        return {"type": "text", "text": part["text"]}

    def body(self, turns, options):
        body = {"model": self.model, "messages": self.messages(turns, options.get("system"))}
        if "max_tokens" in options:
            name = "max_tokens" if self.old_limit() else "max_completion_tokens"
            body[name] = options["max_tokens"]
        if "stop" in options:
            body["stop"] = options["stop"]
        if "tools" in options:
            body["tools"] = [
                {
                    "type": "function",
                    "function": {"name": t["name"], "description": t["description"], "parameters": t["schema"]},
                }
                for t in options["tools"]
            ]
        if "choice" in options:
            choice = options["choice"]
            names = {"any": "required", "none": "none", "auto": "auto"}
            body["tool_choice"] = (
                {"type": "function", "function": choice} if isinstance(choice, dict) else names[choice]
            )
        if "schema" in options:
            shape = {"name": "person", "schema": options["schema"], "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": shape}
        if options.get("thinking"):
            body["reasoning_effort"] = "high"
        if "extra" in options:
            body["extra_body"] = options["extra"]
        return body

    def ask(self, turns, stream=False, seen=None, **options):
        body = self.body(turns, options)
        if not stream:
            whole = self.client.chat.completions.create(**body)
            choice = whole.choices[0]
            calls = [(c.id, c.function.name, c.function.arguments) for c in choice.message.tool_calls or []]
            again = choice.message.model_dump(exclude_none=True)
            return self.answer(choice.message.content or "", calls, choice.finish_reason, whole.usage, 1, again)
        return self.streamed(body, seen if seen is not None else [])

    def streamed(self, body, texts):
        calls, finish, usage, pieces, extra = {}, None, None, 0, {}
        for chunk in self.client.chat.completions.create(stream=True, stream_options={"include_usage": True}, **body):
            usage = chunk.usage or usage
            for choice in chunk.choices:
                pieces += 1
                finish = choice.finish_reason or finish
                if choice.delta.content:
                    texts.append(choice.delta.content)
                for name, value in (choice.delta.model_extra or {}).items():
                    if isinstance(value, str):
                        extra[name] = extra.get(name, "") + value
                    elif isinstance(value, list):
                        extra[name] = extra.get(name, []) + value
                for part in choice.delta.tool_calls or []:
                    call = calls.setdefault(part.index, ["", "", ""])
                    call[0] = part.id or call[0]
                    call[1] = part.function.name or call[1]
                    call[2] += part.function.arguments or ""
        found = [tuple(calls[index]) for index in sorted(calls)]
        again = {"role": "assistant", "content": "".join(texts) or None, **extra}
        if found:
            again["tool_calls"] = [
                {"id": id, "type": "function", "function": {"name": name, "arguments": text or "{}"}}
                for id, name, text in found
            ]
        return self.answer("".join(texts), found, finish, usage, pieces, again)

    def answer(self, text, calls, finish, usage, pieces, again):
        words = {"stop": "end", "length": "length", "tool_calls": "tools", "content_filter": "refusal"}
        answer = Answer(text=text, finish=words.get(finish, finish), pieces=pieces, again=again)
        answer.calls = [{"id": i, "name": n, "args": json.loads(a or "{}")} for i, n, a in calls]
        if usage:
            before, after = usage.prompt_tokens_details, usage.completion_tokens_details
            answer.usage = {
                "input": usage.prompt_tokens,
                "output": usage.completion_tokens,
                "cache_read": (before and before.cached_tokens) or 0,
                "cache_write": (before and getattr(before, "cache_write_tokens", 0)) or 0,
                "reasoning": (after and after.reasoning_tokens) or 0,
            }
            if usage.total_tokens != usage.prompt_tokens + usage.completion_tokens:
                raise AssertionError(f"total_tokens is no sum: {usage}")
        return answer


class Responses(Base):
    def input(self, turns):
        out = []
        for turn in turns:
            if turn["role"] == "user":
                out.append({"role": "user", "content": [self.part(part) for part in turn["parts"]]})
            elif turn["role"] == "assistant":
                out.extend(turn["answer"].again)
            else:
                for result in turn["results"]:
                    item = {"type": "function_call_output", "call_id": result["id"], "output": result["text"]}
                    out.append(item)
        return out

    @staticmethod
    def part(part):
        if "image" in part:
            return {"type": "input_image", "image_url": data_url("image/png", part["image"]), "detail": "auto"}
        if "document" in part:
            data = data_url("application/pdf", part["document"])
            return {"type": "input_file", "filename": part["name"] + ".pdf", "file_data": data}
        return {"type": "input_text", "text": part["text"]}

    def ask(self, turns, stream=False, seen=None, **options):
        body = {"model": self.model, "input": self.input(turns), "store": False}
        if "system" in options:
            body["instructions"] = options["system"]
        if "max_tokens" in options:
            body["max_output_tokens"] = options["max_tokens"]
        if "tools" in options:
            body["tools"] = [
                {
                    "type": "function", "name": t["name"], "description": t["description"],
                    "parameters": t["schema"], "strict": False,
                }
                for t in options["tools"]
            ]
        if "choice" in options:
            choice = options["choice"]
            names = {"any": "required", "none": "none", "auto": "auto"}
            body["tool_choice"] = (
                {"type": "function", **choice} if isinstance(choice, dict) else names[choice]
            )
        if "schema" in options:
            shape = {"type": "json_schema", "name": "person", "schema": options["schema"], "strict": True}
            body["text"] = {"format": shape}
        if options.get("thinking"):
            body["reasoning"] = {"effort": "high", "summary": "auto"}
            body["include"] = ["reasoning.encrypted_content"]
        if "extra" in options:
            body["extra_body"] = options["extra"]
        if not stream:
            return self.answer(self.client.responses.create(**body), 1)
        final, pieces, last = None, 0, -1
        texts = seen if seen is not None else []
        for event in self.client.responses.create(stream=True, **body):
            if event.sequence_number != last + 1:
                raise AssertionError(f"sequence_number {event.sequence_number} after {last}")
            last = event.sequence_number
            if event.type == "response.output_text.delta":
                pieces += 1
                texts.append(event.delta)
            elif event.type in ("response.completed", "response.incomplete"):
                final = event.response
            elif event.type == "response.failed":
                raise openai.APIError(str(event.response.error), request=None, body=None)
            elif event.type == "error":
                raise openai.APIError(event.message, request=None, body=None)
        if final is None:
            raise EOFError("the stream ended without response.completed")
        if final.output_text != "".join(texts):
            raise AssertionError("the deltas do not add up to the final text")
        return self.answer(final, pieces)

    def answer(self, whole, pieces):
        calls = [item for item in whole.output if item.type == "function_call"]
        finish = "tools" if calls else "end"
        if whole.status == "incomplete":
            finish = "length" if whole.incomplete_details.reason == "max_output_tokens" else "refusal"
        answer = Answer(text=whole.output_text, finish=finish, pieces=pieces)
        answer.again = [item.model_dump(exclude_none=True) for item in whole.output]
        for item in answer.again:
            for part in item.get("content", []) if item["type"] == "message" else []:
                part.pop("parsed", None)
            item.pop("parsed_arguments", None)
        answer.calls = [{"id": c.call_id, "name": c.name, "args": json.loads(c.arguments or "{}")} for c in calls]
        if whole.usage:
            answer.usage = {
                "input": whole.usage.input_tokens,
                "output": whole.usage.output_tokens,
                "cache_read": whole.usage.input_tokens_details.cached_tokens,
                "cache_write": whole.usage.input_tokens_details.cache_write_tokens,
                "reasoning": whole.usage.output_tokens_details.reasoning_tokens,
            }
        return answer


class Embeddings(Base):
    def ask(self, turns, **options):
        return self.embed([part["text"] for turn in turns for part in turn["parts"]] or "")

    def embed(self, texts):
        as_asked = self.client.embeddings.create(model=self.model, input=texts)
        as_floats = self.client.embeddings.create(model=self.model, input=texts, encoding_format="float")
        vectors = [item.embedding for item in as_asked.data]
        for one, other in zip(vectors, as_floats.data):
            if any(abs(a - b) > 1e-6 for a, b in zip(one, other.embedding, strict=True)):
                raise AssertionError("base64 and float answers differ")
        return [[float(number) for number in vector] for vector in vectors], as_asked.usage.prompt_tokens


