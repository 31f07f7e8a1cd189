// The AWS SDK, as adapters: Converse, InvokeModel for Claude and for embeddings, and asynchronous invocations. It speaks
// HTTP/2 only.

import assert from 'node:assert/strict';
import {
  ApplyGuardrailCommand,
  BedrockRuntimeClient,
  BedrockRuntimeServiceException,
  ConverseCommand,
  ConverseStreamCommand,
  CountTokensCommand,
  GetAsyncInvokeCommand,
  InvokeModelCommand,
  InvokeModelWithResponseStreamCommand,
  StartAsyncInvokeCommand,
  paginateListAsyncInvokes,
} from '@aws-sdk/client-bedrock-runtime';
import * as claude from './anthropic.mjs';

// A model that answers later: the talking models of cells do not.
const REEL = 'amazon.nova-reel-v1:1';
const NAMES = {
  unauthenticated: ['UnrecognizedClientException', 'AccessDeniedException', 'MissingAuthenticationTokenException'],
  model: ['ResourceNotFoundException', 'ValidationException', 'AccessDeniedException'],
  invalid: ['ValidationException'],
  limited: ['ThrottlingException'],
  spent: ['ServiceQuotaExceededException'],
  blocked: ['ValidationException'],
  failed: ['InternalServerException', 'ServiceUnavailableException', 'ModelErrorException'],
};
const STREAM_ERRORS = [
  'InternalServerException',
  'ModelStreamErrorException',
  'ServiceUnavailableException',
  'ThrottlingException',
  'ValidationException',
];
const FINISH = { ...claude.FINISH, content_filtered: 'refusal', guardrail_intervened: 'refusal' };

class Base {
  showsThinking = true;
  marksCache = true;
  tellsStop = true;

  constructor(plan, cell, { key, model, maxAttempts = 1 } = {}) {
    Object.assign(this, { plan, cell, key: key ?? cell.key ?? plan.key, model: model ?? cell.model });
    const aws = plan.aws ?? {};
    const options = {
      endpoint: cell.base_url ?? plan.base_url,
      region: aws.region ?? 'us-east-1',
      maxAttempts,
    };
    if (aws.auth === 'sigv4') {
      const accessKeyId = this.key === 'wrong-key' ? 'AKIDWRONG' : aws.access_key_id;
      options.credentials = { accessKeyId, secretAccessKey: aws.secret_access_key };
    } else {
      options.token = { token: this.key };
      options.authSchemePreference = ['httpBearerAuth'];
    }
    this.client = new BedrockRuntimeClient(options);
  }

  withKey(key) {
    return new this.constructor(this.plan, this.cell, { key, model: this.model });
  }

  withModel(model) {
    return new this.constructor(this.plan, this.cell, { key: this.key, model });
  }

  // With the SDK's own number of attempts.
  withRetries() {
    return new this.constructor(this.plan, this.cell, { key: this.key, model: this.model, maxAttempts: null });
  }

  isError(error, kind) {
    if (kind === 'any') return true;
    if (kind === 'stream') return STREAM_ERRORS.includes(error.name);
    if (kind === 'model' && !/model/i.test(error.message)) return false;
    return this.isTyped(error) && NAMES[kind].includes(error.name);
  }

  isTyped(error) {
    return error instanceof BedrockRuntimeServiceException;
  }
}

export class Converse extends Base {
  moreExceptions = [];
  answersWhenBlocked = true;

  part(part) {
    if (part.image) return { image: { format: 'png', source: { bytes: part.image } } };
    if (part.document) return { document: { format: 'pdf', name: part.name, source: { bytes: part.document } } };
    return { text: part.text };
  }

  messages(turns) {
    return turns.map((turn) => {
      if (turn.role === 'user') return { role: 'user', content: turn.parts.map(this.part) };
      if (turn.role === 'assistant') return { role: 'assistant', content: turn.answer.again };
      const content = turn.results.map(({ id, text }) => ({ toolResult: { toolUseId: id, content: [{ text }] } }));
      return { role: 'user', content };
    });
  }

  input(turns, options) {
    const input = { modelId: this.model, messages: this.messages(turns) };
    if (options.system) {
      input.system = [{ text: options.system }];
      if (options.cache) input.system.push({ cachePoint: { type: 'default' } });
    }
    if (options.max_tokens || options.stop) {
      input.inferenceConfig = { maxTokens: options.max_tokens, stopSequences: options.stop };
    }
    if (options.tools) {
      const tools = options.tools.map(({ name, description, schema }) => ({
        toolSpec: { name, description, inputSchema: { json: schema } },
      }));
      input.toolConfig = { tools };
      const { choice } = options;
      if (choice) input.toolConfig.toolChoice = typeof choice === 'string' ? { [choice]: {} } : { tool: choice };
    }
    if (options.schema) {
      const structure = { jsonSchema: { schema: JSON.stringify(options.schema), name: 'person' } };
      input.outputConfig = { textFormat: { type: 'json_schema', structure } };
    }
    const fields = { ...options.extra };
    if (options.thinking) fields.thinking = { type: 'enabled', budget_tokens: 2000 };
    if (Object.keys(fields).length) input.additionalModelRequestFields = fields;
    return input;
  }

  async ask(turns, options) {
    const input = this.input(turns, options);
    if (options.stream) return this.streamed(input, options.seen ?? []);
    const whole = await this.client.send(new ConverseCommand(input));
    return this.answer(whole.output.message.content, whole.stopReason, whole.usage, 1);
  }

  async streamed(input, texts) {
    const blocks = [];
    let finish;
    let usage;
    let pieces = 0;
    const { stream } = await this.client.send(new ConverseStreamCommand(input));
    for await (const event of stream) {
      if (event.contentBlockStart) {
        const { start, contentBlockIndex } = event.contentBlockStart;
        blocks[contentBlockIndex] = { toolUse: { ...start.toolUse, input: '' } };
      } else if (event.contentBlockDelta) {
        pieces += 1;
        const { delta, contentBlockIndex } = event.contentBlockDelta;
        this.grow((blocks[contentBlockIndex] ??= {}), delta, texts);
      } else if (event.messageStop) finish = event.messageStop.stopReason;
      else if (event.metadata) usage = event.metadata.usage;
    }
    if (!finish || !usage) throw new Error('the stream ended without messageStop or metadata');
    for (const { toolUse } of blocks) if (toolUse) toolUse.input = JSON.parse(toolUse.input || '{}');
    return this.answer(blocks, finish, usage, pieces);
  }

  grow(block, delta, texts) {
    if (delta.text !== undefined) {
      texts.push(delta.text);
      block.text = (block.text ?? '') + delta.text;
    } else if (delta.toolUse) block.toolUse.input += delta.toolUse.input;
    else if (delta.reasoningContent) {
      block.reasoningContent ??= { reasoningText: { text: '' } };
      const shown = block.reasoningContent.reasoningText;
      shown.text += delta.reasoningContent.text ?? '';
      shown.signature = delta.reasoningContent.signature ?? shown.signature;
    }
  }

  answer(content, finish, usage, pieces) {
    const cache_read = usage.cacheReadInputTokens ?? 0;
    const cache_write = usage.cacheWriteInputTokens ?? 0;
    assert.equal(usage.totalTokens, usage.inputTokens + usage.outputTokens + cache_read + cache_write);
    const thought = content.find((block) => block.reasoningContent)?.reasoningContent.reasoningText;
    const uses = content.filter((block) => block.toolUse).map((block) => block.toolUse);
    return {
      pieces,
      again: content,
      finish: FINISH[finish] ?? finish,
      text: content.map((block) => block.text ?? '').join(''),
      thinking: thought?.text,
      signature: thought?.signature,
      calls: uses.map(({ toolUseId, name, input }) => ({ id: toolUseId, name, args: input })),
      usage: {
        input: usage.inputTokens + cache_read + cache_write,
        output: usage.outputTokens,
        cache_read,
        cache_write,
        reasoning: 0,
      },
    };
  }

  async count(turns, system) {
    const converse = { messages: this.messages(turns), system: [{ text: system }] };
    return (await this.client.send(new CountTokensCommand({ modelId: this.model, input: { converse } }))).inputTokens;
  }
}

// InvokeModel with Claude's own body, without Anthropic's SDK.
export class Invoke extends Base {
  moreExceptions = ['modelTimeoutException'];

  async ask(turns, options) {
    const body = JSON.stringify({ ...claude.body(turns, options), anthropic_version: 'bedrock-2023-05-31' });
    const input = { modelId: this.model, body };
    if (options.stream) return this.streamed(input, options.seen ?? []);
    const whole = await this.client.send(new InvokeModelCommand(input));
    return claude.answer(JSON.parse(whole.body.transformToString()), 1);
  }

  async streamed(input, texts) {
    let message;
    let last;
    let pieces = 0;
    const { body } = await this.client.send(new InvokeModelWithResponseStreamCommand(input));
    for await (const { chunk } of body) {
      const event = JSON.parse(new TextDecoder().decode(chunk.bytes));
      const block = message?.content[event.index];
      last = event.type;
      if (last === 'message_start') message = event.message;
      else if (last === 'content_block_start') message.content.push(event.content_block);
      else if (last === 'content_block_delta') {
        pieces += 1;
        this.grow(block, event.delta, texts);
      } else if (last === 'content_block_stop' && block.type === 'tool_use') {
        block.input = JSON.parse(block.json || '{}');
        delete block.json;
      } else if (last === 'message_delta') {
        Object.assign(message, event.delta);
        Object.assign(message.usage, event.usage);
      } else if (last === 'message_stop') {
        assert.ok(event['amazon-bedrock-invocationMetrics'], 'message_stop carries no invocation metrics');
      }
    }
    // The SDK ends a stream without a word, too, where the connection broke between two frames.
    if (last !== 'message_stop') {
      throw new Error(`the stream ended without message_stop: ${last} was last, after ${pieces} pieces`);
    }
    return claude.answer(message, pieces);
  }

  grow(block, delta, texts) {
    if (delta.type === 'text_delta') {
      texts.push(delta.text);
      block.text += delta.text;
    } else if (delta.type === 'input_json_delta') block.json = (block.json ?? '') + delta.partial_json;
    else if (delta.type === 'thinking_delta') block.thinking += delta.thinking;
    else if (delta.type === 'signature_delta') block.signature = delta.signature;
  }

  async count(turns, system) {
    const request = { messages: claude.messages(turns), system, max_tokens: 100 };
    const body = Buffer.from(JSON.stringify({ ...request, anthropic_version: 'bedrock-2023-05-31' }));
    const input = { modelId: this.model, input: { invokeModel: { body } } };
    return (await this.client.send(new CountTokensCommand(input))).inputTokens;
  }
}

export class Guardrail extends Base {
  async apply(text) {
    const named = { guardrailIdentifier: 'grsimulated', guardrailVersion: '1' };
    const content = [{ text: { text } }];
    return (await this.client.send(new ApplyGuardrailCommand({ source: 'INPUT', content, ...named }))).action;
  }
}

// InvokeModel with the bodies of Titan and Cohere.
export class InvokeEmbeddings extends Base {
  async invoke(body) {
    const answer = await this.client.send(new InvokeModelCommand({ modelId: this.model, body: JSON.stringify(body) }));
    return JSON.parse(answer.body.transformToString());
  }

  ask(turns) {
    const texts = turns.flatMap((turn) => turn.parts.map((part) => part.text));
    return this.invoke(texts.length ? { inputText: texts[0] } : {});
  }

  async embed(texts) {
    if (this.model.includes('cohere')) {
      return { vectors: (await this.invoke({ texts, input_type: 'search_document' })).embeddings };
    }
    const answers = [];
    for (const inputText of texts) answers.push(await this.invoke({ inputText }));
    const used = answers.reduce((sum, answer) => sum + answer.inputTextTokenCount, 0);
    return { vectors: answers.map((answer) => answer.embedding), used };
  }
}

// StartAsyncInvoke, and what comes after it.
export class AsyncInvoke extends Base {
  ask(turns) {
    return this.start(turns[0].parts[0].text);
  }

  async start(prompt, output = 's3://proof-output/default/x') {
    const command = new StartAsyncInvokeCommand({
      modelId: this.cell.provider === 'bedrock' ? REEL : this.model,
      modelInput: { taskType: 'TEXT_VIDEO', textToVideoParams: { text: prompt } },
      outputDataConfig: { s3OutputDataConfig: { s3Uri: output } },
      tags: [{ key: 'app', value: 'shop' }],
    });
    return (await this.client.send(command)).invocationArn;
  }

  async look(invocationArn) {
    return (await this.client.send(new GetAsyncInvokeCommand({ invocationArn }))).status;
  }

  async all(filters = {}) {
    const found = [];
    const query = { sortBy: 'SubmissionTime', sortOrder: 'Descending', ...filters };
    for await (const page of paginateListAsyncInvokes({ client: this.client, pageSize: 1 }, query)) {
      found.push(...page.asyncInvokeSummaries.map((summary) => summary.invocationArn));
    }
    return found;
  }
}
