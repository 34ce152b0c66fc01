"""Streams the tokens of a language model, from any server that speaks OpenAI's chat completions."""

import json
import os
from collections.abc import AsyncIterator
from typing import Any, Optional

from pulsing_guest import BusinessError, SystemError, actor, http

#: How long the model may take for a whole answer.
ANSWER_TIMEOUT_SECONDS = 300
#: How much of a refusal is passed on.
REASON_MAX_CHARS = 200


@actor
class LlmService:
    """The state: where the model is.

    It is started with `base_url`, such as `https://api.openai.com/v1`, `model` and `api_key` (none for a server that
    wants none), or with OPENAI_BASE_URL, OPENAI_MODEL and OPENAI_API_KEY (`--env`) in their place.
    """

    def __init__(self, config: Optional[dict[str, str]] = None) -> None:
        config = config or {}
        for name in config.keys() - {"base_url", "api_key", "model"}:
            raise ValueError(f"configuration: unknown field `{name}`")
        self._url = required(config, "base_url", "OPENAI_BASE_URL").rstrip("/") + "/chat/completions"
        self._model = required(config, "model", "OPENAI_MODEL")
        self._api_key = config.get("api_key") or os.environ.get("OPENAI_API_KEY")

    # region: stream
    async def generate(self, prompt: str) -> AsyncIterator[dict[str, Any]]:
        """Streams a completion token by token, and at the end how many there were.

        A reader that goes away ends the request to the model.
        """
        async with await self._complete(prompt) as response:
            total_tokens = 0
            async for event in response.events():
                if event.data == "[DONE]":
                    yield {"type": "done", "total_tokens": total_tokens}
                    return
                if text := token(event.data):
                    total_tokens += 1
                    yield {"type": "token", "token": text}
        raise SystemError("the model broke off in mid-answer")

    # endregion

    async def _complete(self, prompt: str) -> http.Response:
        messages = [{"role": "user", "content": prompt}]
        response = await http.post(
            self._url,
            headers={"authorization": f"Bearer {self._api_key}"} if self._api_key else {},
            json={"model": self._model, "messages": messages, "stream": True},
            timeout=ANSWER_TIMEOUT_SECONDS,
        )
        if response.status >= 400:
            raise await refusal(response)
        return response


def required(config: dict[str, str], name: str, variable: str) -> str:
    value = config.get(name) or os.environ.get(variable)
    if value is None:
        raise ValueError(f"`{name}` is not configured, and {variable} is not set")
    return value


def token(data: str) -> Optional[str]:
    """The text in an event; none in those that only begin or end an answer."""
    try:
        choices = json.loads(data)["choices"]
        return choices[0].get("delta", {}).get("content") if choices else None
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise SystemError(f"the model's server sent an event that is no completion: {error}") from None


async def refusal(response: http.Response) -> Exception:
    """Refusals in the class that tells the caller what to do: change the prompt, try again, or neither."""
    status = response.status
    says = f"the model's server answered {status}: {(await response.text())[:REASON_MAX_CHARS]}"
    if status in (400, 413, 422):
        return BusinessError(status, says)
    return SystemError(says, recoverable=status in (408, 425, 429) or status >= 500)
