"""Prints random requests that botocore signed, one JSON line each: `signed.py COUNT SEED`.

A line holds what stands on the wire (`method`, `path`, `query`, `headers` as pairs, `body` in base64) and the secret.
"""

import base64
import json
import random
import string
import sys
from hashlib import sha256
from urllib.parse import quote, urlsplit

from botocore.auth import SigV4Auth, _host_from_url
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

NAMES = string.ascii_letters + string.digits
ODD = NAMES + "-._~:/?#[]@!$&'()*+,;= %\"<>\\^`{|}äß→𝛼"
MODELS = [
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "amazon.nova-lite-v1:0",
    "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc",
    "arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:provisioned-model/xyz",
    "anthropic.claude-v2",
]
ACTIONS = ["converse", "converse-stream", "invoke", "invoke-with-response-stream", "count-tokens"]
REGIONS = ["us-east-1", "eu-central-1", "us-gov-west-1", "ap-southeast-7"]
BASES = ["http://127.0.0.1:4000", "https://gateway.example", "https://gateway.example:8443", "http://[::1]:80"]


def text(rng, alphabet, longest, shortest=0):
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(shortest, longest)))


def path(rng):
    model = rng.choice(MODELS) if rng.random() < 0.7 else text(rng, ODD, 40, 1).replace("..", "-").strip("/.") or "m"
    # As boto3 sends it, as Claude Code does, and an ARN as people paste it into a base address.
    safe = rng.choice(["", ":", ":/"])
    model = quote(model, safe=safe)
    while "//" in model:
        model = model.replace("//", "/")
    if any(segment in (".", "..", "") for segment in model.split("/")):
        model = quote(model, safe="")
    return f"{rng.choice(['', '', '/bedrock'])}/model/{model}/{rng.choice(ACTIONS)}"


def query(rng):
    pairs = [(text(rng, ODD, 6, 1), text(rng, ODD, 12)) for _ in range(rng.choice([0, 0, 0, 1, 2, 5]))]
    pairs += [(name, text(rng, ODD, 3)) for name, _ in pairs if rng.random() < 0.3]
    rng.shuffle(pairs)
    return "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in pairs)


def value(rng):
    # Single, doubled and outer spaces.
    words = [text(rng, NAMES + "\"{}:;=/", 12, 1) for _ in range(rng.randint(1, 4))]
    return rng.choice(["", " ", "  "]) + rng.choice([" ", "  ", "   "]).join(words) + rng.choice(["", " "])


def headers(rng, body):
    pairs = []
    for name in ["Content-Type", "Accept", "X-Amzn-Bedrock-Trace", "X-Amzn-Bedrock-Request-Metadata", "X-Amz-Target",
                 "amz-sdk-invocation-id", "X-" + text(rng, NAMES, 8, 1)]:
        if rng.random() < 0.3:
            pairs += [(name, value(rng)) for _ in range(rng.choice([1, 1, 1, 2, 3]))]
    if rng.random() < 0.2:
        pairs.append(("X-Amz-Content-SHA256", sha256(body).hexdigest()))
    if rng.random() < 0.5:
        pairs.append(("User-Agent", value(rng)))
    return pairs


def signed(rng):
    body = rng.randbytes(rng.choice([0, 2, 50, 2000])) if rng.random() < 0.5 else text(rng, ODD, 300).encode()
    asked = query(rng)
    url = rng.choice(BASES) + path(rng) + (f"?{asked}" if asked else "")
    request = AWSRequest(method=rng.choice(["POST", "POST", "GET", "PUT"]), url=url, data=body)
    for name, content in headers(rng, body):
        request.headers.add_header(name, content)
    secret = text(rng, NAMES + "+/", 64, 16)
    token = text(rng, NAMES + "+/=", 800, 100) if rng.random() < 0.2 else None
    credentials = Credentials("TGKA" + text(rng, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16, 16), secret, token)
    SigV4Auth(credentials, "bedrock", rng.choice(REGIONS)).add_auth(request)
    parts = urlsplit(request.url)
    sent = [[name.lower(), content] for name, content in request.headers.items()]
    return {
        "method": request.method, "path": parts.path, "query": parts.query, "secret": secret,
        "headers": [["host", _host_from_url(request.url)], *sent], "body": base64.b64encode(body).decode(),
    }


def main():
    count, seed = int(sys.argv[1]), int(sys.argv[2])
    rng = random.Random(seed)
    for _ in range(count):
        print(json.dumps(signed(rng)))


main()
