/** Streams the tokens of a language model, from any server that speaks OpenAI's chat completions. */

import { BusinessError, SystemError, ValueError, actor, http } from 'pulsing-guest';

/** How long the model may take to begin its answer. */
const ANSWER_TIMEOUT_MS = 300_000;
/** How much of a refusal is passed on. */
const REASON_MAX_CHARS = 200;
const FIELDS = ['base_url', 'api_key', 'model'];

/**
 * The state: where the model is. It is started with `base_url`, such as `https://api.openai.com/v1`, `model`, and
 * `api_key` (none for a server that wants none).
 */
export class LlmService {
  static args = { generate: { prompt: 'string' } };
  static items = { generate: { type: 'string', token: 'string?', total_tokens: 'integer?' } };

  constructor(config) {
    const given = config ?? {};
    const unknown = Object.keys(given).find((name) => !FIELDS.includes(name));
    if (unknown) throw new ValueError(`configuration: unknown field \`${unknown}\``);
    this.url = `${required(given, 'base_url').replace(/\/+$/, '')}/chat/completions`;
    this.model = required(given, 'model');
    this.apiKey = given.api_key;
  }

  // region: stream
  /**
   * Streams a completion token by token, and at the end how many there were.
   *
   * A reader that goes away ends the request to the model.
   */
  async *generate(prompt) {
    const response = await this._complete(prompt);
    let totalTokens = 0;
    for await (const { data } of response.events()) {
      if (data === '[DONE]') {
        yield { type: 'done', total_tokens: totalTokens };
        return;
      }
      const token = tokenOf(data);
      if (token) {
        totalTokens += 1;
        yield { type: 'token', token };
      }
    }
    throw new SystemError('the model broke off in mid-answer');
  }
  // endregion

  async _complete(prompt) {
    const response = await http.request({
      method: 'POST',
      url: this.url,
      headers: this.apiKey ? { authorization: `Bearer ${this.apiKey}` } : {},
      json: { model: this.model, messages: [{ role: 'user', content: prompt }], stream: true },
      timeoutMs: ANSWER_TIMEOUT_MS,
    });
    if (response.status >= 400) throw await refusal(response);
    return response;
  }
}

function required(config, name) {
  if (config[name] === undefined) throw new ValueError(`\`${name}\` is not configured`);
  return config[name];
}

/** The text in an event; none in those that only begin or end an answer. */
function tokenOf(data) {
  try {
    return JSON.parse(data).choices[0]?.delta?.content;
  } catch (error) {
    throw new SystemError(`the model's server sent an event that is no completion: ${error.message}`);
  }
}

/** Refusals in the class that tells the caller what to do: change the prompt, try again, or neither. */
async function refusal(response) {
  const { status } = response;
  const says = `the model's server answered ${status}: ${(await response.text()).slice(0, REASON_MAX_CHARS)}`;
  if ([400, 413, 422].includes(status)) return new BusinessError(status, says);
  return new SystemError(says, { recoverable: [408, 425, 429].includes(status) || status >= 500 });
}

export default actor(LlmService);
