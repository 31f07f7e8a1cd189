"""An answer in words that no SDK owns."""

import base64
from dataclasses import dataclass, field


@dataclass
class Answer:
    text: str = ""
    # end | length | tools | stop | refusal
    finish: str | None = None
    calls: list = field(default_factory=list)
    thinking: str = ""
    signature: str = ""
    # input (all of it), output, cache_read, cache_write, reasoning
    usage: dict | None = None
    pieces: int = 0
    # the assistant turn as this SDK sends it back
    again: object = None


def data_url(media_type, data):
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"
