//! Streams the tokens of a language model, from any server that speaks OpenAI's chat completions.

use std::env;
use std::pin::pin;
use std::time::Duration;

use pulsing_guest::futures::StreamExt;
use pulsing_guest::serde::{Deserialize, Serialize};
use pulsing_guest::{Error, Stream, This, http, try_stream};

/// How long the model may take for a whole answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(300);
/// How much of a refusal is passed on.
const REASON_MAX_CHARS: usize = 200;

/// What the actor is started with, each field with a variable (`--env`) in its place where it is left out.
#[derive(Clone, Default, Deserialize)]
#[serde(crate = "pulsing_guest::serde", default, deny_unknown_fields)]
struct Config {
    /// `OPENAI_BASE_URL`, such as `https://api.openai.com/v1`.
    base_url: Option<String>,
    /// `OPENAI_API_KEY`; none for a server that wants none.
    api_key: Option<String>,
    /// `OPENAI_MODEL`.
    model: Option<String>,
}

/// The state: where the model is.
struct LlmService {
    url: String,
    api_key: Option<String>,
    model: String,
}

/// One item of the stream.
#[derive(Serialize)]
#[serde(crate = "pulsing_guest::serde", tag = "type", rename_all = "lowercase")]
enum Item {
    Token { token: String },
    Done { total_tokens: u64 },
}

/// What the server is asked.
#[derive(Serialize)]
#[serde(crate = "pulsing_guest::serde")]
struct Completion<'a> {
    model: &'a str,
    messages: [Message<'a>; 1],
    stream: bool,
}

#[derive(Serialize)]
#[serde(crate = "pulsing_guest::serde")]
struct Message<'a> {
    role: &'a str,
    content: &'a str,
}

/// What the server sends, event by event; of each, what is needed here.
#[derive(Deserialize)]
#[serde(crate = "pulsing_guest::serde")]
struct Chunk {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
#[serde(crate = "pulsing_guest::serde")]
struct Choice {
    #[serde(default)]
    delta: Delta,
}

#[derive(Default, Deserialize)]
#[serde(crate = "pulsing_guest::serde")]
struct Delta {
    content: Option<String>,
}

#[pulsing_guest::actor]
impl LlmService {
    #[start]
    fn new(config: Option<Config>) -> Result<Self, Error> {
        let config = config.unwrap_or_default();
        let base_url = required(config.base_url, "base_url", "OPENAI_BASE_URL")?;
        Ok(Self {
            url: format!("{}/chat/completions", base_url.trim_end_matches('/')),
            api_key: config.api_key.or_else(|| env::var("OPENAI_API_KEY").ok()),
            model: required(config.model, "model", "OPENAI_MODEL")?,
        })
    }

    // region: stream
    /// Streams a completion token by token, and at the end how many there were.
    ///
    /// A reader that goes away ends the request to the model.
    async fn generate(
        this: This<Self>,
        prompt: String,
    ) -> Result<impl Stream<Item = Result<Item, Error>>, Error> {
        let request = this.with(|state| state.completion(&prompt))?;
        let response = accepted(request.send().await?).await?;
        Ok(try_stream! {
            let mut events = pin!(response.events());
            let mut total_tokens = 0;
            while let Some(event) = events.next().await {
                let event = event?;
                if event.data == "[DONE]" {
                    yield Item::Done { total_tokens };
                    return;
                }
                if let Some(token) = token(&event.data)? {
                    total_tokens += 1;
                    yield Item::Token { token };
                }
            }
            Err(Error::system("the model broke off in mid-answer"))?;
        })
    }
    // endregion
}

impl LlmService {
    fn completion(&self, prompt: &str) -> Result<http::Request, Error> {
        let messages = [Message { role: "user", content: prompt }];
        let body = Completion { model: &self.model, messages, stream: true };
        let request = http::Request::post(&self.url).timeout(ANSWER_TIMEOUT).json(&body)?;
        Ok(match &self.api_key {
            Some(key) => request.header("authorization", format!("Bearer {key}")),
            None => request,
        })
    }
}

fn required(configured: Option<String>, name: &str, variable: &str) -> Result<String, Error> {
    let value = configured.or_else(|| env::var(variable).ok());
    value
        .ok_or_else(|| Error::business(400, format!("`{name}` is not configured, and {variable} is not set")))
}

/// The text in an event; none in those that only begin or end an answer.
fn token(data: &str) -> Result<Option<String>, Error> {
    let chunk: Chunk = serde_json::from_str(data)?;
    let content = chunk.choices.into_iter().next().and_then(|choice| choice.delta.content);
    Ok(content.filter(|content| !content.is_empty()))
}

/// Refusals in the class that tells the caller what to do: change the prompt, try again, or neither.
async fn accepted(response: http::Response) -> Result<http::Response, Error> {
    let status = response.status();
    if status < 400 {
        return Ok(response);
    }
    let reason: String = response.text().await?.chars().take(REASON_MAX_CHARS).collect();
    let says = format!("the model's server answered {status}: {reason}");
    Err(match status {
        400 | 413 | 422 => Error::business(status.into(), says),
        408 | 425 | 429 | 500.. => Error::system(says),
        _ => Error::fatal(says),
    })
}
