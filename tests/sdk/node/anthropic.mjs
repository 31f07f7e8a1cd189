// Anthropic's SDK, as adapters: Messages, and InvokeModel through its Bedrock client.

import Anthropic from '@anthropic-ai/sdk';
import { AnthropicBedrock } from '@anthropic-ai/bedrock-sdk';

const ERRORS = {
  unauthenticated: [Anthropic.AuthenticationError],
  model: [Anthropic.NotFoundError, Anthropic.PermissionDeniedError],
  invalid: [Anthropic.BadRequestError],
  limited: [Anthropic.RateLimitError],
  spent: [Anthropic.APIError],
  blocked: [Anthropic.BadRequestError],
  failed: [Anthropic.InternalServerError],
  stream: [Anthropic.APIError],
  any: [Error],
};
export const FINISH = {
  end_turn: 'end',
  max_tokens: 'length',
  tool_use: 'tools',
  stop_sequence: 'stop',
  refusal: 'refusal',
};

export function part(part) {
  const source = (media_type, data) => ({ type: 'base64', media_type, data: data.toString('base64') });
  if (part.image) return { type: 'image', source: source('image/png', part.image) };
  if (part.document) {
    return { type: 'document', title: part.name, source: source('application/pdf', part.document) };
  }
  return { type: 'text', text: part.text };
}

export function messages(turns) {
  return turns.map((turn) => {
    if (turn.role === 'user') return { role: 'user', content: turn.parts.map(part) };
    if (turn.role === 'assistant') return { role: 'assistant', content: turn.answer.again };
    const content = turn.results.map(({ id, text }) => ({ type: 'tool_result', tool_use_id: id, content: text }));
    return { role: 'user', content };
  });
}

export function body(turns, options) {
  const body = { messages: messages(turns), max_tokens: options.max_tokens ?? 1000, ...options.extra };
  if (options.system) {
    const marked = { type: 'text', text: options.system, cache_control: { type: 'ephemeral' } };
    body.system = options.cache ? [marked] : options.system;
  }
  if (options.stop) body.stop_sequences = options.stop;
  if (options.tools) {
    body.tools = options.tools.map(({ name, description, schema }) => ({ name, description, input_schema: schema }));
  }
  const { choice } = options;
  if (choice) body.tool_choice = typeof choice === 'string' ? { type: choice } : { type: 'tool', ...choice };
  if (options.schema) body.output_config = { format: { type: 'json_schema', schema: options.schema } };
  if (options.thinking) body.thinking = { type: 'enabled', budget_tokens: 2000 };
  return body;
}

export function answer(message, pieces) {
  const content = message.content.map((block) =>
    Object.fromEntries(Object.entries(block).filter(([name, value]) => value !== null && name !== 'parsed_output')),
  );
  const thought = content.find((block) => block.type === 'thinking');
  const used = message.usage;
  const cache_read = used.cache_read_input_tokens ?? 0;
  const cache_write = used.cache_creation_input_tokens ?? 0;
  return {
    pieces,
    again: content,
    finish: FINISH[message.stop_reason] ?? message.stop_reason,
    text: content.map((block) => block.text ?? '').join(''),
    thinking: thought?.thinking,
    signature: thought?.signature,
    calls: content.filter((b) => b.type === 'tool_use').map(({ id, name, input }) => ({ id, name, args: input })),
    usage: {
      input: used.input_tokens + cache_read + cache_write,
      output: used.output_tokens,
      cache_read,
      cache_write,
      reasoning: 0,
    },
  };
}

export class Messages {
  showsThinking = true;
  marksCache = true;
  tellsStop = true;

  constructor(plan, cell, { key, model, maxRetries = 0 } = {}) {
    Object.assign(this, { plan, cell, key: key ?? cell.key ?? plan.key, model: model ?? cell.model, maxRetries });
    this.client = this.connect();
  }

  get baseURL() {
    return this.cell.base_url ?? this.plan.base_url;
  }

  connect(headers) {
    const options = { baseURL: this.baseURL, apiKey: this.key, maxRetries: this.maxRetries, timeout: 20_000 };
    return new Anthropic({ ...options, defaultHeaders: headers });
  }

  withKey(key) {
    return new this.constructor(this.plan, this.cell, { key, model: this.model });
  }

  withModel(model) {
    return new this.constructor(this.plan, this.cell, { key: this.key, model });
  }

  // The key as x-api-key and the version of 2023, as SDKs before 1.0 send them.
  oldStyle() {
    const old = new this.constructor(this.plan, this.cell, { key: this.key, model: this.model });
    old.client = this.connect({ 'anthropic-version': '2023-06-01', authorization: null, 'x-api-key': this.key });
    return old;
  }

  // With the SDK's own number of retries.
  withRetries() {
    return new this.constructor(this.plan, this.cell, { key: this.key, model: this.model, maxRetries: null });
  }

  isSpent(error) {
    return error.status === 402 && error.error?.error?.type === 'billing_error';
  }

  isError(error, kind) {
    if (kind === 'spent' && !this.isSpent(error)) return false;
    return ERRORS[kind].some((type) => error instanceof type);
  }

  async models() {
    const ids = [];
    for await (const model of this.client.models.list()) ids.push(model.id);
    return ids;
  }

  async ask(turns, options) {
    const request = { model: this.model, ...body(turns, options) };
    if (!options.stream) return answer(await this.client.messages.create(request), 1);
    const stream = this.client.messages.stream(request);
    let pieces = 0;
    stream.on('text', (text) => {
      pieces += 1;
      options.seen?.push(text);
    });
    const final = await stream.finalMessage();
    if (!final.stop_reason) throw new Error('the stream ended without message_delta');
    return answer(final, pieces);
  }

  async count(turns, system) {
    const request = { model: this.model, messages: messages(turns), system };
    return (await this.client.messages.countTokens(request)).input_tokens;
  }
}

// InvokeModel, as Anthropic's own client for Bedrock speaks it.
export class BedrockMessages extends Messages {
  connect() {
    const aws = this.plan.aws ?? {};
    const options = { baseURL: this.baseURL, awsRegion: aws.region ?? 'us-east-1', timeout: 20_000 };
    options.maxRetries = this.maxRetries;
    if (aws.auth === 'sigv4') {
      options.awsAccessKey = this.key === 'wrong-key' ? 'AKIDWRONG' : aws.access_key_id;
      options.awsSecretKey = aws.secret_access_key;
    } else {
      options.apiKey = this.key;
    }
    return new AnthropicBedrock(options);
  }

  isSpent(error) {
    // This SDK does not read the names of Bedrock's exceptions.
    const named = error.headers?.get('x-amzn-errortype') ?? '';
    return error instanceof Anthropic.BadRequestError && named.startsWith('ServiceQuotaExceededException');
  }

  isError(error, kind) {
    if (kind === 'unauthenticated' && error instanceof Anthropic.PermissionDeniedError) return true;
    if (kind === 'model' && error instanceof Anthropic.BadRequestError) return /model identifier/.test(error.message);
    // 424 is Bedrock's ModelErrorException, for which this SDK has no class of its own.
    if (kind === 'failed' && error.status === 424) return true;
    return super.isError(error, kind);
  }
}
