"""The AWS CLI, as adapters: a process for each call, configured by its environment alone. It has no streams."""

import json
import os
import subprocess
import tempfile

from adapters_boto3 import CODES, Converse as Boto3Converse, Invoke as Boto3Invoke


class Refused(Exception):
    """What the CLI says of a call that failed."""


class Base:
    def __init__(self, plan, cell, key=None, model=None):
        self.plan, self.cell = plan, cell
        self.key = key or cell.get("key") or plan["key"]
        self.model = model or cell["model"]

    def environment(self):
        aws = self.plan.get("aws") or {}
        endpoint = self.cell.get("base_url") or self.plan["base_url"]
        variables = {
            "PATH": os.environ["PATH"], "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_REGION": aws.get("region", "us-east-1"), "AWS_DEFAULT_REGION": aws.get("region", "us-east-1"),
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": endpoint, "AWS_MAX_ATTEMPTS": "1", "AWS_EC2_METADATA_DISABLED": "true",
        }
        if endpoint.startswith("https:"):
            variables["AWS_CA_BUNDLE"] = self.plan["ca"]
        if aws.get("auth") == "sigv4":
            variables["AWS_ACCESS_KEY_ID"] = "AKIDWRONG" if self.key == "wrong-key" else aws["access_key_id"]
            variables["AWS_SECRET_ACCESS_KEY"] = aws["secret_access_key"]
        else:
            variables["AWS_BEARER_TOKEN_BEDROCK"] = self.key
        return variables

    def aws(self, command, *arguments, **options):
        """Runs `aws bedrock-runtime COMMAND`. Options are given as JSON where they are no text."""
        words = [self.plan["aws_cli"], "bedrock-runtime", command, *arguments]
        for name, value in options.items():
            words += [f"--{name.replace('_', '-')}", value if isinstance(value, str) else json.dumps(value)]
        done = subprocess.run(words, env=self.environment(), capture_output=True, text=True)
        if done.returncode:
            raise Refused(done.stderr.strip())
        return json.loads(done.stdout)

    def with_key(self, key):
        return type(self)(self.plan, self.cell, key=key, model=self.model)

    def with_model(self, model):
        return type(self)(self.plan, self.cell, key=self.key, model=model)

    def is_error(self, error, kind):
        said = str(error)
        return isinstance(error, Refused) and any(f"({code})" in said for code in CODES[kind])


class Converse(Base):
    part = staticmethod(Boto3Converse.part)
    messages = Boto3Converse.messages
    body = Boto3Converse.body
    answer = Boto3Converse.answer

    def ask(self, turns, **options):
        body = self.body(turns, options)
        whole = self.aws("converse", model_id=body.pop("modelId"), cli_input_json=body)
        return self.answer(whole["output"]["message"]["content"], whole["stopReason"], whole["usage"], 1)

    def count(self, turns, system):
        conversation = {"messages": self.messages(turns), "system": [{"text": system}]}
        return self.aws("count-tokens", model_id=self.model, input={"converse": conversation})["inputTokens"]


class Invoke(Base):
    """InvokeModel with Claude's own body."""

    part = staticmethod(Boto3Invoke.part)
    messages = Boto3Invoke.messages
    body = Boto3Invoke.body
    answer = Boto3Invoke.answer

    def ask(self, turns, **options):
        with tempfile.NamedTemporaryFile("w+") as body, tempfile.NamedTemporaryFile() as answer:
            json.dump(self.body(turns, options), body)
            body.flush()
            self.aws("invoke-model", answer.name, model_id=self.model, body=f"fileb://{body.name}")
            return self.answer(json.load(answer), 1)

    def count(self, turns, system):
        body = {
            "messages": self.messages(turns), "system": system, "max_tokens": 100,
            "anthropic_version": "bedrock-2023-05-31",
        }
        body = {"invokeModel": {"body": json.dumps(body)}}
        return self.aws("count-tokens", model_id=self.model, input=body)["inputTokens"]


class Guardrail(Base):
    def apply(self, text):
        return self.aws(
            "apply-guardrail", guardrail_identifier="grsimulated", guardrail_version="1", source="INPUT",
            content=[{"text": {"text": text}}],
        )["action"]
