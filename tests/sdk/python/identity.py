"""Prints a proof of this machine's IAM identity for a gateway, made by botocore alone: a presigned GetCallerIdentity.

    python identity.py SERVER_ID REGION [STS_URL]

The same in any language: presign GET /?Action=GetCallerIdentity&Version=2011-06-15 for STS with the header
x-tallygate-server-id signed, and write the URL in base64url without padding behind `tg-aws-v1.`.
"""

import base64
import sys

import boto3


def proof(server_id, region, sts_url=None, seconds=900):
    client = boto3.client("sts", region_name=region, endpoint_url=sts_url)

    def bind(request, **_):
        request.headers["x-tallygate-server-id"] = server_id

    client.meta.events.register("before-sign.sts.GetCallerIdentity", bind)
    url = client.generate_presigned_url("get_caller_identity", ExpiresIn=seconds, HttpMethod="GET")
    return "tg-aws-v1." + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


if __name__ == "__main__":
    if not 3 <= len(sys.argv) <= 4:
        sys.exit(__doc__)
    print(proof(*sys.argv[1:]))
