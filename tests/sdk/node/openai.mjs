// OpenAI's SDK, as adapters: Chat Completions, Responses, Embeddings.

import assert from 'node:assert/strict';
import OpenAI from 'openai';

const ERRORS = {
  unauthenticated: [OpenAI.AuthenticationError],
  model: [OpenAI.NotFoundError, OpenAI.PermissionDeniedError],
  invalid: [OpenAI.BadRequestError],
  limited: [OpenAI.RateLimitError],
  spent: [OpenAI.RateLimitError],
  blocked: [OpenAI.BadRequestError],
  failed: [OpenAI.InternalServerError],
  stream: [OpenAI.APIError],
  any: [Error],
};
const FINISH = { stop: 'end', length: 'length', tool_calls: 'tools', content_filter: 'refusal' };
const CHOICES = { any: 'required', none: 'none', auto: 'auto' };

const dataUrl = (mediaType, data) => `data:${mediaType};base64,${data.toString('base64')}`;

class Base {
  showsThinking = false;
  marksCache = false;
  tellsStop = false;
  answersWhenBlocked = false;

  constructor(plan, cell, { key, model, maxRetries = 0 } = {}) {
    Object.assign(this, { plan, cell, key: key ?? cell.key ?? plan.key, model: model ?? cell.model });
    const base = cell.base_url ?? plan.base_url;
    this.client = new OpenAI({ baseURL: `${base}/v1`, apiKey: this.key, maxRetries, timeout: 20_000 });
  }

  withKey(key) {
    return new this.constructor(this.plan, this.cell, { key, model: this.model });
  }

  withModel(model) {
    return new this.constructor(this.plan, this.cell, { key: this.key, model });
  }

  // With the SDK's own number of retries.
  withRetries() {
    return new this.constructor(this.plan, this.cell, { key: this.key, model: this.model, maxRetries: null });
  }

  isError(error, kind) {
    if (kind === 'spent' && error.type !== 'insufficient_quota') return false;
    if (kind === 'blocked' && error.code !== 'content_filter') return false;
    return ERRORS[kind].some((type) => error instanceof type);
  }

  async models() {
    const ids = [];
    for await (const model of this.client.models.list()) ids.push(model.id);
    return ids;
  }
}

export class Chat extends Base {
  messages(turns, system) {
    const out = system ? [{ role: 'system', content: system }] : [];
    for (const turn of turns) {
      if (turn.role === 'user') out.push({ role: 'user', content: turn.parts.map(this.part) });
      else if (turn.role === 'assistant') out.push(turn.answer.again);
      else for (const { id, text } of turn.results) out.push({ role: 'tool', tool_call_id: id, content: text });
    }
    return out;
  }

  part(part) {
    if (part.image) return { type: 'image_url', image_url: { url: dataUrl('image/png', part.image) } };
    if (part.document) {
      const file = { filename: `${part.name}.pdf`, file_data: dataUrl('application/pdf', part.document) };
      return { type: 'file', file };
    }
    return { type: 'text', text: part.text };
  }

  body(turns, options) {
    const body = { model: this.model, messages: this.messages(turns, options.system), ...options.extra };
    // Compatible servers know only the old name of the output limit.
    const old = this.cell.native && this.cell.provider === 'compatible';
    if (options.max_tokens) body[old ? 'max_tokens' : 'max_completion_tokens'] = options.max_tokens;
    if (options.stop) body.stop = options.stop;
    if (options.tools) {
      body.tools = options.tools.map(({ name, description, schema }) => ({
        type: 'function',
        function: { name, description, parameters: schema },
      }));
    }
    const { choice } = options;
    if (choice) body.tool_choice = CHOICES[choice] ?? { type: 'function', function: choice };
    if (options.schema) {
      const json_schema = { name: 'person', schema: options.schema, strict: true };
      body.response_format = { type: 'json_schema', json_schema };
    }
    if (options.thinking) body.reasoning_effort = 'high';
    return body;
  }

  async ask(turns, options) {
    const body = this.body(turns, options);
    if (options.stream) return this.streamed(body, options.seen ?? []);
    const whole = await this.client.chat.completions.create(body);
    const { message, finish_reason } = whole.choices[0];
    const calls = (message.tool_calls ?? []).map((c) => [c.id, c.function.name, c.function.arguments]);
    return this.answer({ text: message.content ?? '', calls, finish_reason, usage: whole.usage, pieces: 1, again: message });
  }

  async streamed(body, texts) {
    const calls = [];
    const extra = {};
    let finish_reason;
    let usage;
    let pieces = 0;
    const request = { ...body, stream: true, stream_options: { include_usage: true } };
    for await (const chunk of await this.client.chat.completions.create(request)) {
      usage = chunk.usage ?? usage;
      for (const choice of chunk.choices) {
        pieces += 1;
        finish_reason = choice.finish_reason ?? finish_reason;
        const { role, content, tool_calls, refusal, ...others } = choice.delta;
        if (content) texts.push(content);
        for (const [name, value] of Object.entries(others)) {
          if (typeof value === 'string') extra[name] = (extra[name] ?? '') + value;
          else if (Array.isArray(value)) extra[name] = [...(extra[name] ?? []), ...value];
        }
        for (const part of tool_calls ?? []) {
          const call = (calls[part.index] ??= ['', '', '']);
          call[0] = part.id ?? call[0];
          call[1] = part.function?.name ?? call[1];
          call[2] += part.function?.arguments ?? '';
        }
      }
    }
    const again = { role: 'assistant', content: texts.join('') || null, ...extra };
    if (calls.length) {
      again.tool_calls = calls.map(([id, name, text]) => ({
        id,
        type: 'function',
        function: { name, arguments: text || '{}' },
      }));
    }
    return this.answer({ text: texts.join(''), calls, finish_reason, usage, pieces, again });
  }

  answer({ text, calls, finish_reason, usage, pieces, again }) {
    if (!finish_reason) throw new Error('the stream ended without finish_reason');
    if (usage) assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
    return {
      text,
      pieces,
      again,
      finish: FINISH[finish_reason] ?? finish_reason,
      calls: calls.map(([id, name, args]) => ({ id, name, args: JSON.parse(args || '{}') })),
      usage: usage && {
        input: usage.prompt_tokens,
        output: usage.completion_tokens,
        cache_read: usage.prompt_tokens_details?.cached_tokens ?? 0,
        cache_write: usage.prompt_tokens_details?.cache_write_tokens ?? 0,
        reasoning: usage.completion_tokens_details?.reasoning_tokens ?? 0,
      },
    };
  }
}

export class Responses extends Base {
  input(turns) {
    return turns.flatMap((turn) => {
      if (turn.role === 'user') return [{ role: 'user', content: turn.parts.map(this.part) }];
      if (turn.role === 'assistant') return turn.answer.again;
      return turn.results.map(({ id, text }) => ({ type: 'function_call_output', call_id: id, output: text }));
    });
  }

  part(part) {
    if (part.image) return { type: 'input_image', image_url: dataUrl('image/png', part.image), detail: 'auto' };
    if (part.document) {
      const file_data = dataUrl('application/pdf', part.document);
      return { type: 'input_file', filename: `${part.name}.pdf`, file_data };
    }
    return { type: 'input_text', text: part.text };
  }

  body(turns, options) {
    const body = { model: this.model, input: this.input(turns), store: false, ...options.extra };
    if (options.system) body.instructions = options.system;
    if (options.max_tokens) body.max_output_tokens = options.max_tokens;
    if (options.tools) {
      body.tools = options.tools.map(({ name, description, schema }) => ({
        type: 'function',
        name,
        description,
        parameters: schema,
        strict: false,
      }));
    }
    const { choice } = options;
    if (choice) body.tool_choice = CHOICES[choice] ?? { type: 'function', ...choice };
    if (options.schema) {
      body.text = { format: { type: 'json_schema', name: 'person', schema: options.schema, strict: true } };
    }
    if (options.thinking) {
      body.reasoning = { effort: 'high', summary: 'auto' };
      body.include = ['reasoning.encrypted_content'];
    }
    return body;
  }

  async ask(turns, options) {
    const body = this.body(turns, options);
    if (!options.stream) return this.answer(await this.client.responses.create(body), 1);
    const texts = options.seen ?? [];
    let final;
    let last = -1;
    for await (const event of await this.client.responses.create({ ...body, stream: true })) {
      assert.equal(event.sequence_number, last + 1);
      last = event.sequence_number;
      if (event.type === 'response.output_text.delta') texts.push(event.delta);
      else if (event.type === 'response.completed' || event.type === 'response.incomplete') final = event.response;
      else if (event.type === 'response.failed') {
        throw new OpenAI.APIError(undefined, event.response.error, event.response.error.message);
      } else if (event.type === 'error') throw new OpenAI.APIError(undefined, event, event.message);
    }
    if (!final) throw new Error('the stream ended without response.completed');
    const answer = this.answer(final, texts.length);
    assert.equal(answer.text, texts.join(''), 'the deltas do not add up to the final text');
    return answer;
  }

  answer(whole, pieces) {
    const calls = whole.output.filter((item) => item.type === 'function_call');
    const messages = whole.output.filter((item) => item.type === 'message');
    let finish = calls.length ? 'tools' : 'end';
    if (whole.status === 'incomplete') {
      finish = whole.incomplete_details.reason === 'max_output_tokens' ? 'length' : 'refusal';
    }
    const { usage } = whole;
    return {
      text: messages.flatMap((message) => message.content.map((part) => part.text ?? '')).join(''),
      pieces,
      finish,
      again: whole.output,
      calls: calls.map((call) => ({ id: call.call_id, name: call.name, args: JSON.parse(call.arguments || '{}') })),
      usage: usage && {
        input: usage.input_tokens,
        output: usage.output_tokens,
        cache_read: usage.input_tokens_details.cached_tokens,
        cache_write: usage.input_tokens_details.cache_write_tokens,
        reasoning: usage.output_tokens_details.reasoning_tokens,
      },
    };
  }
}

export class Embeddings extends Base {
  ask(turns) {
    const texts = turns.flatMap((turn) => turn.parts.map((part) => part.text));
    return this.embed(texts.length ? texts : '');
  }

  async embed(input) {
    const asAsked = await this.client.embeddings.create({ model: this.model, input });
    const asFloats = await this.client.embeddings.create({ model: this.model, input, encoding_format: 'float' });
    const vectors = asAsked.data.map((item) => [...item.embedding]);
    asFloats.data.forEach((item, i) =>
      item.embedding.forEach((number, j) => assert.ok(Math.abs(number - vectors[i][j]) < 1e-6, 'encodings differ')),
    );
    return { vectors, used: asAsked.usage.prompt_tokens };
  }
}
