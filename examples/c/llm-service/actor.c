/* Streams the tokens of a language model, from any server that speaks OpenAI's chat completions. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pulsing.h"

/* How long the model may take to begin its answer. */
#define ANSWER_TIMEOUT_MS 300000

/* The state: where the model is. */
static const char *base_url, *api_key, *model;

/* What the actor is started with, or a variable (`--env`) in its place where it is left out. */
static const char *configured(const char *name, const char *variable) {
  const char *given = yyjson_get_str(yyjson_obj_get(pulsing_config(), name));
  return given ? given : getenv(variable);
}

static pulsing_outcome start(pulsing_call *call) {
  base_url = configured("base_url", "OPENAI_BASE_URL");
  api_key = configured("api_key", "OPENAI_API_KEY");
  model = configured("model", "OPENAI_MODEL");
  if (!base_url) return pulsing_business(call, 400, "`base_url` is not configured, and OPENAI_BASE_URL is not set");
  if (!model) return pulsing_business(call, 400, "`model` is not configured, and OPENAI_MODEL is not set");
  return PULSING_DONE;
}

/* What the server is asked. */
static pulsing_text completion(pulsing_call *call, pulsing_text prompt) {
  yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
  yyjson_mut_val *root = yyjson_mut_obj(doc), *message = yyjson_mut_obj(doc), *messages = yyjson_mut_arr(doc);
  yyjson_mut_obj_add_str(doc, message, "role", "user");
  yyjson_mut_obj_add_strn(doc, message, "content", prompt.ptr, prompt.len);
  yyjson_mut_arr_append(messages, message);
  yyjson_mut_obj_add_str(doc, root, "model", model);
  yyjson_mut_obj_add_val(doc, root, "messages", messages);
  yyjson_mut_obj_add_bool(doc, root, "stream", true);
  yyjson_mut_doc_set_root(doc, root);
  char *json = yyjson_mut_write(doc, 0, NULL);
  if (!json) abort();
  pulsing_text text = pulsing_format(call, "%s", json);
  free(json);
  yyjson_mut_doc_free(doc);
  return text;
}

/* Refusals in the class that tells the caller what to do: change the prompt, try again, or neither. */
static pulsing_outcome refused(pulsing_call *call, pulsing_http *http) {
  unsigned status = pulsing_http_status(http);
  pulsing_text reason = {"", 0};
  if (pulsing_http_line(call, http, &reason) == PULSING_FAILED) return PULSING_FAILED;
  const char *format = "the model's server answered %u: %.200s";
  if (status == 400 || status == 413 || status == 422) return pulsing_business(call, status, format, status, reason.ptr);
  bool again = status == 408 || status == 425 || status == 429 || status >= 500;
  return again ? pulsing_system(call, format, status, reason.ptr) : pulsing_fatal(call, format, status, reason.ptr);
}

/* A completion that is being read. */
typedef struct {
  pulsing_http *http;
  int64_t total_tokens;
  bool is_done;
} reading;

/* region: stream */
/* The text in an event; NULL in those that only begin or end an answer. */
static yyjson_val *token_of(yyjson_doc *event) {
  yyjson_val *choice = yyjson_arr_get_first(yyjson_obj_get(yyjson_doc_get_root(event), "choices"));
  yyjson_val *content = yyjson_obj_get(yyjson_obj_get(choice, "delta"), "content");
  return yyjson_get_len(content) ? content : NULL;
}

static pulsing_outcome next_item(pulsing_call *call, void *state) {
  reading *reading = state;
  if (reading->is_done) return PULSING_END;
  for (;;) {
    pulsing_text line;
    pulsing_outcome outcome = pulsing_http_line(call, reading->http, &line);
    if (outcome == PULSING_END) return pulsing_system(call, "the model broke off in mid-answer");
    if (outcome != PULSING_DONE) return outcome;
    if (strncmp(line.ptr, "data: ", 6) != 0) continue;
    const char *data = line.ptr + 6;
    if (strcmp(data, "[DONE]") == 0) {
      reading->is_done = true;
      pulsing_text json =
          pulsing_format(call, "{\"type\":\"done\",\"total_tokens\":%lld}", (long long)reading->total_tokens);
      return pulsing_reply_json(call, json.ptr, json.len);
    }
    yyjson_doc *event = yyjson_read(data, line.len - 6, 0);
    if (!event) return pulsing_system(call, "the model's server sent an event that is no completion");
    yyjson_val *token = token_of(event);
    if (token) {
      reading->total_tokens++;
      pulsing_text text = pulsing_json_of(call, token);
      pulsing_text json = pulsing_format(call, "{\"type\":\"token\",\"token\":%s}", text.ptr);
      outcome = pulsing_reply_json(call, json.ptr, json.len);
    }
    yyjson_doc_free(event);
    if (token) return outcome;
  }
}
/* endregion */

/* A reader that goes away ends the request to the model. */
static void close_reading(void *state, bool went_away) {
  reading *reading = state;
  (void)went_away;
  pulsing_http_close(reading->http);
  free(reading);
}

static pulsing_outcome generate(pulsing_call *call) {
  size_t len = strlen(base_url);
  while (len && base_url[len - 1] == '/') len--;
  pulsing_text bearer = pulsing_format(call, "Bearer %s", api_key ? api_key : "");
  const pulsing_header headers[] = {
      {"content-type", "application/json"}, {api_key ? "authorization" : NULL, bearer.ptr}, {NULL, NULL}};
  pulsing_http *http = pulsing_http_send(call, &(pulsing_http_request){
      .method = "POST",
      .url = pulsing_format(call, "%.*s/chat/completions", (int)len, base_url).ptr,
      .headers = headers,
      .body = completion(call, pulsing_string(call, "prompt")),
      .timeout_ms = ANSWER_TIMEOUT_MS,
  });
  if (!http) return PULSING_FAILED;
  if (pulsing_http_status(http) >= 400) {
    pulsing_outcome outcome = refused(call, http);
    pulsing_http_close(http);
    return outcome;
  }
  reading *state = pulsing_malloc(sizeof *state);
  *state = (reading){http, 0, false};
  return pulsing_reply_stream(call, next_item, close_reading, state);
}

static const pulsing_method METHODS[] = {
    {"generate", PULSING_STREAM, generate, "Streams a completion token by token, and at the end how many there were.",
     {{"prompt", PULSING_STRING}}},
};

PULSING_ACTOR(METHODS, .start = start);
