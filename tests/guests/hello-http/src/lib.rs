//! Greets whoever asks, over wasi:http: no actor, but what `wasmtime serve` takes.

use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct Hello;

impl wasip2::exports::http::incoming_handler::Guest for Hello {
    fn handle(_request: IncomingRequest, outparam: ResponseOutparam) {
        let response = OutgoingResponse::new(Fields::new());
        let body = response.body().expect("it is the first");
        ResponseOutparam::set(outparam, Ok(response));
        let stream = body.write().expect("it is the first");
        // Whoever has gone misses nothing.
        drop(stream.blocking_write_and_flush(b"hello"));
        drop(stream);
        drop(OutgoingBody::finish(body, None));
    }
}

wasip2::http::proxy::export!(Hello);
