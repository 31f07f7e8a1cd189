// Runs cells of the compatibility matrix with the official SDKs, unmodified. The plan and the output are those of
// ../python/client.py.

import { text } from 'node:stream/consumers';

for (const name of Object.keys(process.env)) {
  if (/^(AWS_|OPENAI_|ANTHROPIC_)/.test(name)) delete process.env[name];
}

const { BY_DIALECT } = await import('./features.mjs');
const { Chat, Responses, Embeddings } = await import('./openai.mjs');
const { Messages, BedrockMessages } = await import('./anthropic.mjs');
const { AsyncInvoke, Converse, Guardrail, Invoke, InvokeEmbeddings } = await import('./aws.mjs');

const ADAPTERS = {
  'openai-node': { chat: Chat, responses: Responses, embeddings: Embeddings },
  'anthropic-node': { messages: Messages },
  'anthropic-bedrock-node': { invoke: BedrockMessages },
  'aws-js': {
    converse: Converse, invoke: Invoke, invoke_embeddings: InvokeEmbeddings, guardrail: Guardrail, async_invoke: AsyncInvoke,
  },
};
// What an SDK has no way to ask for.
const LACKING = {
  'openai-node/responses': ['stop_sequence'],
  // Exceptions have no type of their own there.
  'anthropic-bedrock-node/invoke': ['count_tokens', 'stream_exceptions'],
};

function offered(sdk, dialect) {
  const lacking = LACKING[`${sdk}/${dialect}`] ?? [];
  return Object.keys(BY_DIALECT[dialect]).filter((feature) => !lacking.includes(feature));
}

async function run(plan, cell) {
  const adapter = new ADAPTERS[cell.sdk][cell.dialect](plan, cell);
  await BY_DIALECT[cell.dialect][cell.feature](adapter, cell);
}

function list() {
  const all = {};
  for (const [sdk, dialects] of Object.entries(ADAPTERS)) {
    all[sdk] = Object.fromEntries(Object.keys(dialects).map((dialect) => [dialect, offered(sdk, dialect)]));
  }
  return all;
}

async function main() {
  if (process.argv.includes('--list')) {
    console.log(JSON.stringify(list()));
    return;
  }
  const plan = JSON.parse(await text(process.stdin));
  for (const cell of plan.cells) {
    const start = performance.now();
    let detail = '';
    try {
      await run(plan, cell);
    } catch (error) {
      detail = `${error?.name}: ${error?.message}`.slice(0, 2000) || 'failed';
    }
    const ms = Math.round(performance.now() - start);
    console.log(JSON.stringify({ id: cell.id, ok: detail === '', detail, ms }));
  }
}

await main();
// Idle HTTP/2 sessions would keep the process alive.
process.exit(0);
