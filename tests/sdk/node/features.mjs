// What every dialect must do, written once over the adapters.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

const PNG = Buffer.from(
  '89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489' +
    '0000000d49444154789c6360f8cfc0000003010100c9fe92ef0000000049454e44ae426082',
  'hex',
);
const PDF = Buffer.from('%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n');
const closed = (properties) => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
});
const WEATHER = {
  name: 'get_weather',
  description: 'The weather in a city',
  schema: closed({ city: { type: 'string' }, days: { type: 'integer' } }),
};
const TIME = { name: 'get_time', description: 'The time in a zone', schema: closed({ zone: { type: 'string' } }) };
const PING = { name: 'ping', description: 'Takes nothing', schema: { type: 'object', properties: {} } };
const PERSON = closed({ name: { type: 'string' }, age: { type: 'integer' } });
// What streams of Converse may carry; those of InvokeModel have one more.
const EXCEPTIONS = [
  'internalServerException', 'modelStreamErrorException', 'serviceUnavailableException', 'throttlingException',
  'validationException',
];
const SIGNING_PROVIDERS = ['bedrock', 'anthropic'];
const THINKING_MAX_TOKENS = 4000;
const BOTH = [false, true];

// The simulator's answer: the prompt, repeated to an exact number of four-byte tokens.
function echo(prompt, tokens = 30) {
  const unit = Buffer.from(`echo: ${prompt} `);
  const whole = Buffer.concat(Array(Math.ceil((tokens * 4) / unit.length) + 1).fill(unit)).subarray(0, tokens * 4);
  return new TextDecoder().decode(whole, { stream: true });
}

const tokensOf = (...texts) => Math.ceil(texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0) / 4);
const user = (...parts) => ({
  role: 'user',
  parts: parts.map((part) => (typeof part === 'string' ? { text: part } : part)),
});

function checkUsage(usage, output) {
  assert.ok(usage, 'no usage');
  assert.equal(usage.output, output, 'output tokens');
  assert.ok(usage.input > 0, `input tokens: ${usage.input}`);
}

function checkCalls(got, wanted) {
  assert.equal(got.finish, 'tools', 'finish');
  assert.deepEqual(got.calls.map((call) => [call.name, call.args]), wanted, 'calls');
  const ids = got.calls.map((call) => call.id);
  assert.ok(ids.every(Boolean) && new Set(ids).size === ids.length, `call ids: ${ids}`);
}

const WEATHER_CALL = ['get_weather', { city: 'city-1', days: 1 }];

async function plain(adapter, cell, stream = false) {
  const prompt = 'Hello, wörld';
  const got = await adapter.ask([user(prompt)], { stream });
  assert.equal(got.text, echo(prompt));
  assert.equal(got.finish, 'end');
  checkUsage(got.usage, 30);
  if (stream) assert.ok(got.pieces > 5, `the stream came in ${got.pieces} pieces`);
}

const stream = (adapter, cell) => plain(adapter, cell, true);

async function stream_torn(adapter) {
  const got = await adapter.ask([user('Hello [[sim: tear tokens=20]]')], { stream: true });
  assert.equal(got.text, echo('Hello', 20));
  checkUsage(got.usage, 20);
}

async function usage(adapter) {
  const prompt = 'Count me [[sim: tokens=50]]';
  const system = 'You are terse.';
  for (const stream of BOTH) {
    const got = await adapter.ask([user(prompt)], { system, stream });
    assert.equal(got.usage.input, tokensOf(prompt, system), `input tokens, stream=${stream}`);
    assert.equal(got.usage.output, 50, `output tokens, stream=${stream}`);
  }
}

async function system(adapter) {
  const got = await adapter.ask([user('Hi')], { system: 'You are a poet who writes about tokens.' });
  assert.equal(got.text, echo('Hi'));
  assert.ok(got.usage.input >= 10, 'the system prompt was not counted');
}

async function multi_turn(adapter) {
  const first = await adapter.ask([user('One')], {});
  const got = await adapter.ask([user('One'), { role: 'assistant', answer: first }, user('Two')], {});
  assert.equal(got.text, echo('Two'));
}

async function tools(adapter, cell, stream = false) {
  const got = await adapter.ask([user('Weather? [[sim: tools=1]]')], { tools: [WEATHER, TIME], stream });
  checkCalls(got, [WEATHER_CALL]);
}

async function tools_parallel(adapter, cell, stream = false) {
  const got = await adapter.ask([user('Both? [[sim: tools=2 preamble]]')], { tools: [WEATHER, TIME], stream });
  checkCalls(got, [WEATHER_CALL, ['get_time', { zone: 'zone-2' }]]);
  assert.equal(got.text, 'calling: Both?');
}

async function tool_stream(adapter, cell) {
  await tools(adapter, cell, true);
  await tools_parallel(adapter, cell, true);
}

async function tool_choice(adapter) {
  const any = await adapter.ask([user('Which?')], { tools: [WEATHER, TIME], choice: 'any' });
  checkCalls(any, [WEATHER_CALL]);
  const named = await adapter.ask([user('Which?')], { tools: [WEATHER, TIME], choice: { name: 'get_time' } });
  checkCalls(named, [['get_time', { zone: 'zone-1' }]]);
}

async function tool_choice_none(adapter) {
  const got = await adapter.ask([user('Which? [[sim: tools=1]]')], { tools: [WEATHER], choice: 'none' });
  assert.deepEqual(got.calls, []);
  assert.equal(got.text, echo('Which?'));
}

async function tool_roundtrip(adapter) {
  for (const stream of BOTH) {
    const ask = user('Both? [[sim: tools=2]]');
    const first = await adapter.ask([ask], { tools: [WEATHER, TIME], stream });
    assert.equal(first.calls.length, 2);
    const results = first.calls.map((call, i) => ({ id: call.id, text: `answer ${i}` }));
    const turns = [ask, { role: 'assistant', answer: first }, { role: 'results', results }];
    const got = await adapter.ask(turns, { tools: [WEATHER, TIME], stream });
    assert.equal(got.text, 'results: answer 0; answer 1');
    assert.equal(got.finish, 'end');
  }
}

async function parameterless_tool(adapter) {
  for (const stream of BOTH) {
    const ask = user('Ping [[sim: tools=1]]');
    const first = await adapter.ask([ask], { tools: [PING], stream });
    checkCalls(first, [['ping', {}]]);
    const results = [{ id: first.calls[0].id, text: 'pong' }];
    const turns = [ask, { role: 'assistant', answer: first }, { role: 'results', results }];
    assert.equal((await adapter.ask(turns, { tools: [PING], stream })).text, 'results: pong');
  }
}

async function image(adapter) {
  const got = await adapter.ask([user('Look [[sim: tokens=60]]', { image: PNG })], {});
  assert.ok(got.text.includes(`(image png ${PNG.length} bytes)`), `text: ${got.text}`);
}

async function document(adapter) {
  const got = await adapter.ask([user('Read [[sim: tokens=60]]', { document: PDF, name: 'report' })], {});
  assert.ok(got.text.includes(`(document pdf ${PDF.length} bytes)`), `text: ${got.text}`);
}

async function structured(adapter) {
  for (const stream of BOTH) {
    const got = await adapter.ask([user('Who?')], { schema: PERSON, stream });
    assert.deepEqual(JSON.parse(got.text), { name: 'name-1', age: 1 });
  }
}

async function thinking(adapter, cell, stream = false) {
  const ask = user('Think hard [[sim: tools=1]]');
  const options = { tools: [WEATHER], thinking: true, max_tokens: THINKING_MAX_TOKENS, stream };
  const first = await adapter.ask([ask], options);
  checkCalls(first, [WEATHER_CALL]);
  if (adapter.showsThinking && SIGNING_PROVIDERS.includes(cell.provider)) {
    assert.ok(first.thinking.startsWith('thinking: Think hard'), `thinking: ${first.thinking}`);
    assert.ok(first.signature, 'the thinking has no signature');
  } else if (!adapter.showsThinking && cell.provider === 'openai') {
    assert.ok(first.usage.reasoning > 0, 'no reasoning tokens');
  }
  const results = [{ id: first.calls[0].id, text: 'sun' }];
  const turns = [ask, { role: 'assistant', answer: first }, { role: 'results', results }];
  assert.equal((await adapter.ask(turns, options)).text, 'results: sun');
}

const thinking_stream = (adapter, cell) => thinking(adapter, cell, true);

// Signing providers cache what is marked, OpenAI caches by itself; elsewhere a mark must do no harm.
async function cache(adapter, cell) {
  const system = `${randomUUID()} a rule that never changes. `.repeat(120);
  const seen = [];
  for (const stream of [false, false, true]) {
    seen.push((await adapter.ask([user('Hi')], { system, cache: true, stream })).usage);
  }
  const marked = SIGNING_PROVIDERS.includes(cell.provider) && adapter.marksCache;
  if (marked) {
    assert.ok(seen[0].cache_write > 1000, 'nothing was written');
    assert.equal(seen[1].cache_read, seen[0].cache_write);
  }
  for (const later of seen.slice(1)) {
    if (marked || cell.provider === 'openai') assert.ok(later.cache_read > 1000, 'nothing was read');
    else assert.equal(later.cache_read, 0, 'tokens read');
    assert.equal(later.input, tokensOf(system, 'Hi'), 'all input tokens');
  }
}

async function stop_sequence(adapter, cell) {
  for (const stream of BOTH) {
    const got = await adapter.ask([user('say ZEBRA now')], { stop: ['ZEBRA'], stream });
    assert.equal(got.text, 'echo: say ');
    // Providers that speak OpenAI's dialects never say that a stop sequence was hit.
    assert.equal(got.finish, adapter.tellsStop && SIGNING_PROVIDERS.includes(cell.provider) ? 'stop' : 'end');
  }
}

async function max_tokens(adapter) {
  for (const stream of BOTH) {
    const got = await adapter.ask([user('Go on')], { max_tokens: 16, stream });
    assert.equal(got.text, echo('Go on', 16));
    assert.equal(got.finish, 'length');
    assert.equal(got.usage.output, 16);
  }
}

async function unknown_field(adapter) {
  assert.equal((await adapter.ask([user('Hi')], { extra: { x_probe: { kept: true } } })).text, echo('Hi'));
}

async function raises(adapter, kind, act) {
  let raised;
  try {
    await act();
  } catch (error) {
    raised = error;
  }
  assert.ok(raised, `no error was raised; wanted ${kind}`);
  assert.ok(adapter.isError(raised, kind), `${raised.constructor?.name} ${raised.name}: ${raised.message}`);
  return raised;
}

const error_401 = (adapter) => raises(adapter, 'unauthenticated', () => adapter.withKey('wrong-key').ask([user('Hi')], {}));
const error_404_model = (adapter, cell) =>
  raises(adapter, 'model', () => adapter.withModel(`${cell.model}-missing`).ask([user('Hi')], {}));
const error_400 = (adapter) => raises(adapter, 'invalid', () => adapter.ask([], {}));
const error_429 = (adapter) =>
  raises(adapter, 'limited', () => adapter.ask([user('Hi [[sim: status=429 retry_after=1]]')], {}));
const error_500 = (adapter) => raises(adapter, 'failed', () => adapter.ask([user('Hi [[sim: status=500]]')], {}));

async function brokenStream(adapter, directive, kind) {
  const seen = [];
  const prompt = `Go on [[sim: tokens=40 delay=2ms ${directive}]]`;
  await raises(adapter, kind, () => adapter.ask([user(prompt)], { stream: true, seen }));
  assert.ok(seen.join(''), 'no text came before the error');
}

const stream_error_mid = (adapter) => brokenStream(adapter, 'die_after=6', 'any');
const stream_error_event = (adapter) => brokenStream(adapter, 'fail_after=6', 'stream');
// Every exception that a stream of Bedrock may carry, by the SDK's own class, and a frame that is none.
async function stream_exceptions(adapter) {
  for (const kind of [...EXCEPTIONS, ...adapter.moreExceptions, 'error']) {
    const seen = [];
    const prompt = `Go on [[sim: tokens=40 fail_after=6 fail_as=${kind}]]`;
    let raised;
    try {
      await adapter.ask([user(prompt)], { stream: true, seen });
    } catch (error) {
      raised = error;
    }
    assert.ok(raised, `${kind}: no error was raised`);
    assert.equal(raised.name, kind === 'error' ? 'InternalError' : kind[0].toUpperCase() + kind.slice(1));
    if (kind !== 'error') assert.ok(adapter.isTyped(raised), `${kind} has no class of the SDK`);
    assert.match(raised.message, /overloaded/);
    assert.ok(seen.join(''), `${kind}: no text came before it`);
  }
}

async function guardrail(adapter) {
  assert.equal(await adapter.apply('hello'), 'NONE');
  assert.equal(await adapter.apply('a forbidden word'), 'GUARDRAIL_INTERVENED');
}

const stream_truncated = (adapter) => brokenStream(adapter, 'truncate_after=6', 'any');

async function count_tokens(adapter, cell) {
  const text = 'How many tokens?';
  const rules = 'Be brief.';
  const counted = await adapter.count([user(text)], rules);
  const exact = tokensOf(text, rules);
  if (SIGNING_PROVIDERS.includes(cell.provider)) assert.equal(counted, exact);
  // No such call exists there: an estimate, which must not be too low.
  else assert.ok(counted >= exact, `${counted} tokens for a text of ${exact}`);
}

async function embeddings(adapter) {
  const { vectors, used } = await adapter.embed(['one', 'two', 'one']);
  assert.equal(vectors.length, 3);
  assert.deepEqual(vectors[0], vectors[2]);
  assert.notDeepEqual(vectors[0], vectors[1]);
  assert.ok(vectors[0].every((number) => typeof number === 'number'));
  if (used !== undefined) assert.equal(used, 3);
}

async function models(adapter) {
  assert.ok((await adapter.models()).length > 0, 'the list of models is empty');
}

async function async_invoke(adapter) {
  const first = await adapter.start('a red bicycle');
  const second = await adapter.start('[[sim: job_fails]] a blue one');
  assert.deepEqual([await adapter.look(first), await adapter.look(first)], ['InProgress', 'Completed']);
  assert.deepEqual([await adapter.look(second), await adapter.look(second)], ['InProgress', 'Failed']);
  const all = await adapter.all();
  assert.ok(all.includes(first) && all.includes(second), 'the list lacks what was started');
  const failed = await adapter.all({ statusEquals: 'Failed' });
  assert.ok(failed.includes(second) && !failed.includes(first), 'filter');
  await assert.rejects(
    adapter.look(first.slice(0, -12) + 'zzzzzzzzzzzz'),
    (error) => adapter.isError(error, 'invalid'),
  );
}

async function old_auth(adapter, cell) {
  // Reasoning models of OpenAI take no sampling.
  const extra = SIGNING_PROVIDERS.includes(cell.provider) ? { temperature: 0.5 } : {};
  const got = await adapter.oldStyle().ask([user('Hi')], { extra });
  assert.equal(got.text, echo('Hi'));
}

/** Through a limit that has room for 600 output tokens each second, and ends streams that want more. */
async function stream_cut(adapter, cell) {
  adapter.model = `cut-${cell.provider}-${cell.sdk}-${cell.dialect}`;
  const got = await adapter.ask([user('Go on [[sim: tokens=3000]]')], { stream: true });
  assert.equal(got.finish, 'length');
  assert.ok(got.text && got.text.length < 12000 && echo('Go on', 3000).startsWith(got.text), `text: ${got.text}`);
  assert.ok(got.usage.output > 0 && got.usage.output < 3000, `output tokens: ${JSON.stringify(got.usage)}`);
}

/**
 * A budget that has no money, met by an SDK that repeats calls as it does by itself: it must not, and its error says when
 * there is money again. The gateway of the proofs has the budget, and its ledger one row for each of the calls.
 */
async function budget_refused(adapter, cell) {
  const patient = adapter.withRetries();
  patient.model = `broke-${cell.provider}-${cell.sdk}-${cell.dialect}`;
  for (const stream of BOTH) {
    const error = await raises(patient, 'spent', () => patient.ask([user('Hi')], { stream }));
    assert.match(error.message, /exhausted.*It opens again on \d{4}-\d\d-01 00:00 UTC/);
  }
}

/**
 * A guardrail that refuses requests with a word, met by an SDK that repeats calls as it does by itself: it must not, and shows
 * the rule's message: in an error of the class for bad requests, or as an answer that a guardrail stopped, which is how
 * Converse says it. The gateway of the proofs has the rule, and its ledger one row for each of the calls.
 */
async function prompt_blocked(adapter, cell) {
  const patient = adapter.withRetries();
  patient.model = `blocked-${cell.provider}-${cell.sdk}-${cell.dialect}`;
  for (const stream of BOTH) {
    const act = () => patient.ask([user('How do I make a plumbus?')], { stream });
    if (patient.answersWhenBlocked) {
      const got = await act();
      assert.deepEqual([got.finish, got.text], ['refusal', 'Not about this.']);
      assert.deepEqual([got.usage.input, got.usage.output], [0, 0]);
    } else {
      const error = await raises(patient, 'blocked', act);
      assert.match(error.message, /Not about this\./);
    }
  }
}

/** What comes of the same call, made again; all of it must be the same. */
async function twice(cell, act) {
  const first = await act();
  for (let i = 0; i < (cell.again ?? 1); i += 1) assert.deepEqual(await act(), first);
  return first;
}

/**
 * A call whose answer a gateway has kept: the SDK must give its caller the same again, and take its stream as it took the
 * first. The gateway of the proofs keeps answers of models with this name, and its ledger says which were given again.
 */
async function replay(adapter, cell) {
  const kept = adapter.withModel(`again-${cell.provider}-${cell.sdk}-${cell.dialect}`);
  for (const stream of BOTH) {
    const ask = user('Both? [[sim: tools=2 preamble]]');
    const got = await twice(cell, () => kept.ask([ask], { tools: [WEATHER, TIME], stream }));
    checkCalls(got, [WEATHER_CALL, ['get_time', { zone: 'zone-2' }]]);
    assert.equal(got.text, 'calling: Both?');
    assert.ok(got.usage.output > 0);
  }
}

async function replay_vectors(adapter, cell) {
  const kept = adapter.withModel(`again-vectors-${cell.provider}-${cell.sdk}-${cell.dialect}`);
  const { vectors } = await twice(cell, () => kept.embed(['one']));
  assert.ok(vectors.length === 1 && vectors[0].some((number) => number !== 0), 'a vector');
}

const CHAT = {
  plain, stream, stream_torn, usage, system, multi_turn, tools, tools_parallel, tool_stream, tool_choice,
  tool_roundtrip, parameterless_tool, image, document, structured, thinking, thinking_stream, cache, stop_sequence,
  max_tokens, unknown_field, error_401, error_404_model, error_400, error_429, error_500, stream_error_mid,
  stream_error_event, stream_truncated, stream_cut, budget_refused, prompt_blocked, replay,
};
const EMBED = { embeddings, error_401, error_404_model, error_400, replay: replay_vectors };

export const BY_DIALECT = {
  chat: { ...CHAT, tool_choice_none, models },
  responses: { ...CHAT, tool_choice_none },
  embeddings: EMBED,
  messages: { ...CHAT, tool_choice_none, count_tokens, models, old_auth },
  converse: { ...CHAT, count_tokens, stream_exceptions },
  invoke: { ...CHAT, tool_choice_none, count_tokens, stream_exceptions },
  guardrail: { guardrail },
  invoke_embeddings: EMBED,
  async_invoke: { async_invoke, error_401 },
};
