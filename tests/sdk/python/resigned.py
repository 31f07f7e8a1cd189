"""Makes signatures anew with botocore: `resigned.py < REQUESTS`, one JSON line each as the simulators witnessed it.

A line holds what stood on the wire (`method`, `path`, `query`, `headers` as pairs, `body` in base64) and the secret of
the key that signed. Prints one JSON line for each: `service`, `covers` (what about the request is special), and `flaw`,
which is empty where botocore comes to the same signature over the same headers.
"""

import base64
import json
import sys
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


def claim_of(authorization):
    algorithm, _, rest = authorization.partition(" ")
    fields = dict(part.strip().split("=", 1) for part in rest.split(","))
    access_key_id, day, region, service, terminator = fields["Credential"].split("/")
    if algorithm != "AWS4-HMAC-SHA256" or terminator != "aws4_request":
        raise ValueError(f"{algorithm} {terminator}")
    return access_key_id, day, region, service, fields["SignedHeaders"].split(";"), fields["Signature"]


def flaw_of(sent, headers, claim):
    access_key_id, day, region, service, names, signature = claim
    unsigned = [name for name in headers if name.startswith("x-amz") and name not in names]
    if unsigned or "host" not in names:
        return f"not signed: {unsigned or ['host']}"
    date = headers["x-amz-date"][0]
    if not date.startswith(day):
        return f"{date} is not of the day {day}"
    url = f"http://{headers['host'][0]}{sent['path']}" + (f"?{sent['query']}" if sent["query"] else "")
    request = AWSRequest(method=sent["method"], url=url, data=base64.b64decode(sent["body"]))
    for name in names:
        for value in headers[name]:
            request.headers.add_header(name, value)
    request.context["timestamp"] = date
    credentials = Credentials(access_key_id, sent["secret"], next(iter(headers.get("x-amz-security-token", [])), None))
    signer = SigV4Auth(credentials, service, region)
    canonical = signer.canonical_request(request)
    made = signer.signature(signer.string_to_sign(request, canonical), request)
    return "" if made == signature else f"botocore signs {made}, the gateway {signature}: {canonical!r}"


def covers(sent, headers):
    path = urlsplit(sent["path"]).path
    found = {
        "a session token": "x-amz-security-token" in headers,
        "an encoded colon": "%3A" in path,
        "an encoded slash": "%2F" in path,
        "a query": bool(sent["query"]),
        "a metadata header": "x-amzn-bedrock-request-metadata" in headers,
    }
    return [name for name, there in found.items() if there]


def main():
    for line in sys.stdin:
        sent = json.loads(line)
        headers = {}
        for name, value in sent["headers"]:
            headers.setdefault(name.lower(), []).append(value)
        claim = claim_of(headers["authorization"][0])
        print(json.dumps({"service": claim[3], "covers": covers(sent, headers), "flaw": flaw_of(sent, headers, claim)}))


main()
