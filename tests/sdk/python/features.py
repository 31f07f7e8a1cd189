"""What every dialect must do, written once over the adapters."""

import json
import math
import re
import uuid

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c6360f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
WEATHER = {
    "name": "get_weather",
    "description": "The weather in a city",
    "schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city", "days"],
        "additionalProperties": False,
    },
}
TIME = {
    "name": "get_time",
    "description": "The time in a zone",
    "schema": {
        "type": "object",
        "properties": {"zone": {"type": "string"}},
        "required": ["zone"],
        "additionalProperties": False,
    },
}
PING = {"name": "ping", "description": "Takes nothing", "schema": {"type": "object", "properties": {}}}
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
SIGNING_PROVIDERS = ("bedrock", "anthropic")
THINKING_MAX_TOKENS = 4000
# What streams of Converse may carry; those of InvokeModel have one more.
EXCEPTIONS = (
    "internalServerException", "modelStreamErrorException", "serviceUnavailableException", "throttlingException",
    "validationException",
)


def echo(prompt, tokens=30):
    """The simulator's answer: the prompt, repeated to an exact number of four-byte tokens."""
    unit = f"echo: {prompt} ".encode()
    size = tokens * 4
    return (unit * (size // len(unit) + 1))[:size].decode(errors="ignore")


def tokens_of(*texts):
    return math.ceil(sum(len(text.encode()) for text in texts) / 4)


def user(*parts):
    return {"role": "user", "parts": [{"text": part} if isinstance(part, str) else part for part in parts]}


def same(got, want, what):
    if got != want:
        raise AssertionError(f"{what}: got {got!r}, want {want!r}")


def truth(condition, what):
    if not condition:
        raise AssertionError(what)


def check_usage(usage, output):
    truth(usage is not None, "no usage")
    same(usage["output"], output, "output tokens")
    truth(usage["input"] > 0, f"input tokens: {usage}")


def plain(adapter, cell, stream=False):
    prompt = "Hello, wörld"
    got = adapter.ask([user(prompt)], stream=stream)
    same(got.text, echo(prompt), "text")
    same(got.finish, "end", "finish")
    check_usage(got.usage, 30)
    if stream:
        truth(got.pieces > 5, f"the stream came in {got.pieces} pieces")


def stream(adapter, cell):
    plain(adapter, cell, stream=True)


def stream_torn(adapter, cell):
    got = adapter.ask([user("Hello [[sim: tear tokens=20]]")], stream=True)
    same(got.text, echo("Hello", 20), "text")
    check_usage(got.usage, 20)


def usage(adapter, cell):
    prompt, system = "Count me [[sim: tokens=50]]", "You are terse."
    for streamed in (False, True):
        got = adapter.ask([user(prompt)], system=system, stream=streamed)
        same(got.usage["input"], tokens_of(prompt, system), f"input tokens, stream={streamed}")
        same(got.usage["output"], 50, f"output tokens, stream={streamed}")


def system(adapter, cell):
    got = adapter.ask([user("Hi")], system="You are a poet who writes about tokens.")
    same(got.text, echo("Hi"), "text")
    truth(got.usage["input"] >= 10, f"the system prompt was not counted: {got.usage}")


def multi_turn(adapter, cell):
    first = adapter.ask([user("One")])
    got = adapter.ask([user("One"), {"role": "assistant", "answer": first}, user("Two")])
    same(got.text, echo("Two"), "text")


def check_calls(got, wanted):
    same(got.finish, "tools", "finish")
    same([(call["name"], call["args"]) for call in got.calls], wanted, "calls")
    ids = [call["id"] for call in got.calls]
    truth(all(ids) and len(set(ids)) == len(ids), f"call ids: {ids}")


def tools(adapter, cell, stream=False):
    got = adapter.ask([user("Weather? [[sim: tools=1]]")], tools=[WEATHER, TIME], stream=stream)
    check_calls(got, [("get_weather", {"city": "city-1", "days": 1})])


def tools_parallel(adapter, cell, stream=False):
    got = adapter.ask([user("Both? [[sim: tools=2 preamble]]")], tools=[WEATHER, TIME], stream=stream)
    check_calls(got, [("get_weather", {"city": "city-1", "days": 1}), ("get_time", {"zone": "zone-2"})])
    same(got.text, "calling: Both?", "preamble")


def tool_stream(adapter, cell):
    tools(adapter, cell, stream=True)
    tools_parallel(adapter, cell, stream=True)


def tool_choice(adapter, cell):
    got = adapter.ask([user("Which?")], tools=[WEATHER, TIME], choice="any")
    check_calls(got, [("get_weather", {"city": "city-1", "days": 1})])
    got = adapter.ask([user("Which?")], tools=[WEATHER, TIME], choice={"name": "get_time"})
    check_calls(got, [("get_time", {"zone": "zone-1"})])


def tool_choice_none(adapter, cell):
    got = adapter.ask([user("Which? [[sim: tools=1]]")], tools=[WEATHER], choice="none")
    same(got.calls, [], "calls")
    same(got.text, echo("Which?"), "text")


def tool_roundtrip(adapter, cell):
    for streamed in (False, True):
        ask = user("Both? [[sim: tools=2]]")
        first = adapter.ask([ask], tools=[WEATHER, TIME], stream=streamed)
        truth(len(first.calls) == 2, f"calls: {first.calls}")
        results = [{"id": call["id"], "text": f"answer {i}"} for i, call in enumerate(first.calls)]
        turns = [ask, {"role": "assistant", "answer": first}, {"role": "results", "results": results}]
        got = adapter.ask(turns, tools=[WEATHER, TIME], stream=streamed)
        same(got.text, "results: answer 0; answer 1", "text")
        same(got.finish, "end", "finish")


def parameterless_tool(adapter, cell):
    for streamed in (False, True):
        ask = user("Ping [[sim: tools=1]]")
        first = adapter.ask([ask], tools=[PING], stream=streamed)
        check_calls(first, [("ping", {})])
        results = [{"id": first.calls[0]["id"], "text": "pong"}]
        turns = [ask, {"role": "assistant", "answer": first}, {"role": "results", "results": results}]
        same(adapter.ask(turns, tools=[PING], stream=streamed).text, "results: pong", "text")


def image(adapter, cell):
    got = adapter.ask([user("Look [[sim: tokens=60]]", {"image": PNG})])
    truth(f"(image png {len(PNG)} bytes)" in got.text, f"text: {got.text!r}")


def document(adapter, cell):
    got = adapter.ask([user("Read [[sim: tokens=60]]", {"document": PDF, "name": "report"})])
    truth(f"(document pdf {len(PDF)} bytes)" in got.text, f"text: {got.text!r}")


def structured(adapter, cell):
    for streamed in (False, True):
        got = adapter.ask([user("Who?")], schema=PERSON, stream=streamed)
        same(json.loads(got.text), {"name": "name-1", "age": 1}, "structured answer")


def thinking(adapter, cell, stream=False):
    ask = user("Think hard [[sim: tools=1]]")
    options = {"tools": [WEATHER], "thinking": True, "max_tokens": THINKING_MAX_TOKENS, "stream": stream}
    first = adapter.ask([ask], **options)
    check_calls(first, [("get_weather", {"city": "city-1", "days": 1})])
    if adapter.shows_thinking and cell.get("provider") in SIGNING_PROVIDERS:
        truth(first.thinking.startswith("thinking: Think hard"), f"thinking: {first.thinking!r}")
        truth(first.signature, "the thinking has no signature")
    elif not adapter.shows_thinking and cell.get("provider") == "openai":
        truth(first.usage["reasoning"] > 0, f"no reasoning tokens: {first.usage}")
    results = [{"id": first.calls[0]["id"], "text": "sun"}]
    turns = [ask, {"role": "assistant", "answer": first}, {"role": "results", "results": results}]
    same(adapter.ask(turns, **options).text, "results: sun", "text after thinking")


def thinking_stream(adapter, cell):
    thinking(adapter, cell, stream=True)


def cache(adapter, cell):
    """Signing providers cache what is marked, OpenAI caches by itself; elsewhere a mark must do no harm."""
    rules = (uuid.uuid4().hex + " a rule that never changes. ") * 120
    whole = tokens_of(rules, "Hi")
    seen = [adapter.ask([user("Hi")], system=rules, cache=True, stream=streamed) for streamed in (False, False, True)]
    marked = cell.get("provider") in SIGNING_PROVIDERS and adapter.marks_cache
    if marked:
        truth(seen[0].usage["cache_write"] > 1000, f"nothing was written: {seen[0].usage}")
        same(seen[1].usage["cache_read"], seen[0].usage["cache_write"], "tokens read")
    for later in seen[1:]:
        if marked or cell.get("provider") == "openai":
            truth(later.usage["cache_read"] > 1000, f"nothing was read: {later.usage}")
        else:
            same(later.usage["cache_read"], 0, "tokens read")
        same(later.usage["input"], whole, "all input tokens")


def may_tell(cell):
    """Providers that speak OpenAI's dialects never say that a stop sequence was hit."""
    return cell.get("provider") in SIGNING_PROVIDERS


def stop_sequence(adapter, cell):
    for streamed in (False, True):
        got = adapter.ask([user("say ZEBRA now")], stop=["ZEBRA"], stream=streamed)
        same(got.text, "echo: say ", "text")
        same(got.finish, "stop" if adapter.tells_stop and may_tell(cell) else "end", "finish")


def max_tokens(adapter, cell):
    for streamed in (False, True):
        got = adapter.ask([user("Go on")], max_tokens=16, stream=streamed)
        same(got.text, echo("Go on", 16), "text")
        same(got.finish, "length", "finish")
        same(got.usage["output"], 16, "output tokens")


def stream_cut(adapter, cell):
    """Through a limit that has room for 600 output tokens each second, and ends streams that want more."""
    adapter.model = f"cut-{cell.get('provider')}-{cell['sdk']}-{cell['dialect']}"
    got = adapter.ask([user("Go on [[sim: tokens=3000]]")], stream=True)
    same(got.finish, "length", "finish")
    truth(got.text and len(got.text) < 12000 and echo("Go on", 3000).startswith(got.text), f"text: {got.text!r}")
    truth(0 < got.usage["output"] < 3000, f"output tokens: {got.usage}")


def budget_refused(adapter, cell):
    """A budget that has no money, met by an SDK that repeats calls as it does by itself: it must not, and its error says
    when there is money again. The gateway of the proofs has the budget, and its ledger one row for each of the calls."""
    patient = adapter.with_retries()
    patient.model = f"broke-{cell.get('provider')}-{cell['sdk']}-{cell['dialect']}"
    for streamed in (False, True):
        error = raises(patient, "spent", lambda: patient.ask([user("Hi")], stream=streamed))
        truth(re.search(r"exhausted.*It opens again on \d{4}-\d\d-01 00:00 UTC", str(error)), f"message: {error}")


def prompt_blocked(adapter, cell):
    """A guardrail that refuses requests with a word, met by an SDK that repeats calls as it does by itself: it must not, and
    shows the rule's message: in an error of the class for bad requests, or as an answer that a guardrail stopped, which is
    how Converse says it. The gateway of the proofs has the rule, and its ledger one row for each of the calls."""
    patient = adapter.with_retries()
    patient.model = f"blocked-{cell.get('provider')}-{cell['sdk']}-{cell['dialect']}"
    for streamed in (False, True):
        act = lambda: patient.ask([user("How do I make a plumbus?")], stream=streamed)  # noqa: B023
        if patient.answers_when_blocked:
            got = act()
            same((got.finish, got.text), ("refusal", "Not about this."), "answer")
            same((got.usage["input"], got.usage["output"]), (0, 0), "tokens")
        else:
            truth("Not about this." in str(raises(patient, "blocked", act)), "the rule's message")


def twice(cell, act):
    """What comes of the same call, made again; all of it must be the same."""
    first = act()
    for _ in range(cell.get("again", 1)):
        same(act(), first, "what came again")
    return first


def replay(adapter, cell):
    """A call whose answer a gateway has kept: the SDK must give its caller the same again, and take its stream as it took
    the first. The gateway of the proofs keeps answers of models with this name, and its ledger says which were given again."""
    kept = adapter.with_model(f"again-{cell.get('provider')}-{cell['sdk']}-{cell['dialect']}")
    for streamed in (False, True):
        ask = user("Both? [[sim: tools=2 preamble]]")
        got = twice(cell, lambda: kept.ask([ask], tools=[WEATHER, TIME], stream=streamed))  # noqa: B023
        check_calls(got, [("get_weather", {"city": "city-1", "days": 1}), ("get_time", {"zone": "zone-2"})])
        same(got.text, "calling: Both?", "preamble")
        truth(got.usage["output"] > 0, f"output tokens: {got.usage}")


def replay_vectors(adapter, cell):
    kept = adapter.with_model(f"again-vectors-{cell.get('provider')}-{cell['sdk']}-{cell['dialect']}")
    vectors, _ = twice(cell, lambda: kept.embed(["one"]))
    truth(len(vectors) == 1 and any(vectors[0]), "a vector")


replay_vectors.__name__ = "replay"


def unknown_field(adapter, cell):
    same(adapter.ask([user("Hi")], extra={"x_probe": {"kept": True}}).text, echo("Hi"), "text")


def raises(adapter, kind, act):
    try:
        act()
    except Exception as error:
        truth(adapter.is_error(error, kind), f"{type(error).__module__}.{type(error).__name__}: {error}")
        return error
    raise AssertionError(f"no error was raised; wanted {kind}")


def error_401(adapter, cell):
    raises(adapter, "unauthenticated", lambda: adapter.with_key("wrong-key").ask([user("Hi")]))


def error_404_model(adapter, cell):
    raises(adapter, "model", lambda: adapter.with_model(cell["model"] + "-missing").ask([user("Hi")]))


def error_400(adapter, cell):
    raises(adapter, "invalid", lambda: adapter.ask([]))


def error_429(adapter, cell):
    raises(adapter, "limited", lambda: adapter.ask([user("Hi [[sim: status=429 retry_after=1]]")]))


def error_500(adapter, cell):
    raises(adapter, "failed", lambda: adapter.ask([user("Hi [[sim: status=500]]")]))


def broken_stream(adapter, directive, kind):
    seen = []
    prompt = f"Go on [[sim: tokens=40 delay=2ms {directive}]]"
    raises(adapter, kind, lambda: adapter.ask([user(prompt)], stream=True, seen=seen))
    truth("".join(seen), "no text came before the error")


def stream_error_mid(adapter, cell):
    broken_stream(adapter, "die_after=6", "any")


def stream_error_event(adapter, cell):
    broken_stream(adapter, "fail_after=6", "stream")


def stream_exceptions(adapter, cell):
    """Every exception that a stream of Bedrock may carry, and a frame that is none, by its own name."""
    for kind in [*EXCEPTIONS, *adapter.more_exceptions, "error"]:
        seen = []
        prompt = f"Go on [[sim: tokens=40 fail_after=6 fail_as={kind}]]"
        error = raises(adapter, "stream", lambda: adapter.ask([user(prompt)], stream=True, seen=seen))
        same(adapter.code(error), "InternalError" if kind == "error" else kind, "exception")
        truth("overloaded" in str(error), f"{kind}: the message is lost: {error}")
        truth("".join(seen), f"{kind}: no text came before it")


def guardrail(adapter, cell):
    same(adapter.apply("hello"), "NONE", "action")
    same(adapter.apply("a forbidden word"), "GUARDRAIL_INTERVENED", "action")


def stream_truncated(adapter, cell):
    broken_stream(adapter, "truncate_after=6", "any")


def count_tokens(adapter, cell):
    text, rules = "How many tokens?", "Be brief."
    counted, exact = adapter.count([user(text)], rules), tokens_of(text, rules)
    if cell.get("provider") in SIGNING_PROVIDERS:
        same(counted, exact, "tokens")
    else:
        # No such call exists there: an estimate, which must not be too low.
        truth(counted >= exact, f"{counted} tokens for a text of {exact}")


def embeddings(adapter, cell):
    vectors, used = adapter.embed(["one", "two", "one"])
    same(len(vectors), 3, "vectors")
    truth(vectors[0] == vectors[2] and vectors[0] != vectors[1], "equal texts must have equal vectors")
    truth(all(isinstance(number, float) for number in vectors[0]), "vectors must be floats")
    if used is not None:
        same(used, 3, "tokens")


def models(adapter, cell):
    truth(adapter.models(), "the list of models is empty")


def request_metadata(adapter, cell):
    # A gateway adds pairs of its own and keeps to AWS's limits; the strict simulator refuses what breaks them.
    pairs = {"app": "shop", "note": "a  b:c #=@$", **{f"k{number}": "v" * 256 for number in range(14)}}
    for stream in (False, True):
        same(adapter.ask([user("Hi")], stream=stream, metadata=pairs).text, echo("Hi"), "text")


def async_invoke(adapter, cell):
    first, second = adapter.start("a red bicycle"), adapter.start("[[sim: job_fails]] a blue one")
    same([adapter.look(first), adapter.look(first)], ["InProgress", "Completed"], "status")
    same([adapter.look(second), adapter.look(second)], ["InProgress", "Failed"], "status")
    truth({first, second} <= set(adapter.all()), "the list lacks what was started")
    truth(second in adapter.all(statusEquals="Failed") and first not in adapter.all(statusEquals="Failed"), "filter")
    try:
        adapter.look(first[:-12] + "zzzzzzzzzzzz")
    except Exception as error:  # any other class fails below
        truth(adapter.is_error(error, "invalid"), f"{type(error).__name__}: {error}")
    else:
        raise AssertionError("an invocation that is not there was found")


def old_auth(adapter, cell):
    # Reasoning models of OpenAI take no sampling.
    extra = {"temperature": 0.5} if cell.get("provider") in SIGNING_PROVIDERS else {}
    same(adapter.old_style().ask([user("Hi")], extra=extra).text, echo("Hi"), "text")


CHAT = [
    plain, stream, stream_torn, usage, system, multi_turn, tools, tools_parallel, tool_stream, tool_choice,
    tool_roundtrip, parameterless_tool, image, document, structured, thinking, thinking_stream, cache, stop_sequence,
    max_tokens, unknown_field, error_401, error_404_model, error_400, error_429, error_500, stream_error_mid,
    stream_error_event, stream_truncated, stream_cut, budget_refused, prompt_blocked, replay,
]
BY_DIALECT = {
    "chat": [*CHAT, tool_choice_none, models],
    "responses": [*CHAT, tool_choice_none],
    "embeddings": [embeddings, error_401, error_404_model, error_400, replay_vectors],
    "messages": [*CHAT, tool_choice_none, count_tokens, models, old_auth],
    "converse": [*CHAT, count_tokens, request_metadata, stream_exceptions],
    "invoke": [*CHAT, tool_choice_none, count_tokens, request_metadata, stream_exceptions],
    "guardrail": [guardrail],
    "invoke_embeddings": [embeddings, error_401, error_404_model, error_400, replay_vectors],
    "async_invoke": [async_invoke, error_401],
}


def named(dialect):
    return {feature.__name__: feature for feature in BY_DIALECT[dialect]}
