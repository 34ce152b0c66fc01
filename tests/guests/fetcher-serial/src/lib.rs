//! A serial guest that sends HTTP requests through wasi:http 0.2, by a library of strangers.

use std::cell::RefCell;
use std::time::Duration;

use pulsing_guest::Error;
use waki::bindings::wasi::http::outgoing_handler;
use waki::bindings::wasi::http::types::{Fields, IncomingResponse, OutgoingBody, OutgoingRequest, Scheme};
use waki::bindings::wasi::io::streams::{OutputStream, StreamError};
use waki::{Client, Method, Response};

#[derive(Default)]
struct Fetcher;

thread_local! {
    /// What is kept beyond the call that got it.
    static KEPT: RefCell<Vec<Response>> = const { RefCell::new(Vec::new()) };
}

fn system(error: impl std::fmt::Debug) -> Error {
    Error::system(format!("{error:?}"))
}

/// A request whose body is still to be written. Fields are dropped in their order: what is part of another goes first.
struct Posting {
    out: OutputStream,
    _body: OutgoingBody,
    response: IncomingResponse,
}

impl Posting {
    /// Sends the head, and waits for the beginning of the response.
    fn begin(method: &Method, authority: &str, fields: Fields) -> Result<Self, Error> {
        let request = OutgoingRequest::new(fields);
        let set = [
            request.set_method(method),
            request.set_scheme(Some(&Scheme::Http)),
            request.set_authority(Some(authority)),
            request.set_path_with_query(Some("/")),
        ];
        set.into_iter().collect::<Result<(), ()>>().map_err(system)?;
        let body = request.body().map_err(system)?;
        let out = body.write().map_err(system)?;
        let coming = outgoing_handler::handle(request, None).map_err(system)?;
        coming.subscribe().block();
        let response = coming.get().expect("it has come").map_err(system)?.map_err(system)?;
        Ok(Self { out, _body: body, response })
    }

    fn write(&self, bytes: &[u8]) -> Result<(), StreamError> {
        bytes.chunks(4096).try_for_each(|chunk| self.out.blocking_write_and_flush(chunk))
    }
}

#[pulsing_guest::actor]
impl Fetcher {
    fn fetch(&self, url: String) -> Result<(u16, String), Error> {
        let client = Client::new();
        let sent = client.get(&url).connect_timeout(Duration::from_secs(5)).send();
        let response = sent.map_err(|error| Error::system(format!("{error:?}")))?;
        let status = response.status_code();
        let body = response.body().map_err(|error| Error::system(format!("{error:?}")))?;
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }

    fn post(&self, url: String, body: String) -> Result<(u16, String), Error> {
        let sent = Client::new().post(&url).body(body.into_bytes()).send();
        let response = sent.map_err(|error| Error::system(format!("{error:?}")))?;
        let status = response.status_code();
        let body = response.body().map_err(|error| Error::system(format!("{error:?}")))?;
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }

    /// Sends a request with this method, header and body, and answers the status.
    fn send(
        &self,
        url: String,
        method: String,
        header: (String, String),
        body: String,
    ) -> Result<u16, Error> {
        let method = match method.as_str() {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            _ => Method::Other(method),
        };
        let (name, value) = header;
        let name = waki::header::HeaderName::try_from(name).map_err(system)?;
        let sent = Client::new().request(method, &url).header(name, value.as_str()).body(body).send();
        Ok(sent.map_err(system)?.status_code())
    }

    /// Waits for a response to begin, and keeps it.
    fn keep(&self, url: String) -> Result<u16, Error> {
        let response = Client::new().get(&url).send().map_err(system)?;
        let status = response.status_code();
        KEPT.with_borrow_mut(|kept| kept.push(response));
        Ok(status)
    }

    /// Waits for so many responses to begin, and keeps them until the last has or one has not: how many there are.
    fn keep_at_once(&self, url: String, count: usize) -> usize {
        let responses: Vec<_> = (0..count).map_while(|_| Client::new().get(&url).send().ok()).collect();
        responses.len()
    }

    /// Sends a `GET` that says that it has a body, and never writes one: the status.
    fn get_with_length(&self, authority: String) -> Result<u16, Error> {
        let fields = Fields::from_list(&[("content-length".to_owned(), b"4".to_vec())]).map_err(system)?;
        Ok(Posting::begin(&Method::Get, &authority, fields)?.response.status())
    }

    /// Writes a body whose length the head says, and which need not be so long.
    fn upload_with_length(&self, authority: String, length: String, body: String) -> Result<(), Error> {
        let fields =
            Fields::from_list(&[("content-length".to_owned(), length.into_bytes())]).map_err(system)?;
        Posting::begin(&Method::Post, &authority, fields)?.write(body.as_bytes()).map_err(system)
    }

    /// Writes a body of so many bytes, once the response has begun.
    fn upload(&self, authority: String, bytes: usize) -> Result<(), Error> {
        let posting = Posting::begin(&Method::Post, &authority, Fields::new())?;
        posting.write(&vec![0; bytes]).map_err(system)
    }

    /// Writes half of a body, and panics.
    fn upload_half(&self, authority: String) -> Result<(), Error> {
        let posting = Posting::begin(&Method::Post, &authority, Fields::new())?;
        posting.write(b"half").map_err(system)?;
        panic!("in the midst of a body, after {}", posting.response.status());
    }

    /// Makes up to so many bodies of requests, and answers how many there are at once.
    fn hold_bodies(&self, count: usize) -> usize {
        let held = (0..count).map_while(|_| {
            let request = OutgoingRequest::new(Fields::new());
            let body = request.body().ok()?;
            Some((body, request))
        });
        held.collect::<Vec<_>>().len()
    }

    /// Makes so many headers, and answers how many there are at once.
    fn hold_fields(&self, count: usize) -> usize {
        (0..count).map(|_| Fields::new()).collect::<Vec<_>>().len()
    }

    /// Whether a method, an authority and a path of so many bytes are taken.
    fn takes_texts_of(&self, bytes: usize) -> [bool; 3] {
        let request = OutgoingRequest::new(Fields::new());
        let text = "x".repeat(bytes);
        let method = request.set_method(&Method::Other(text.clone()));
        let authority = request.set_authority(Some(&text));
        let path = request.set_path_with_query(Some(&format!("/{text}")));
        [method, authority, path].map(|taken| taken.is_ok())
    }

    fn is_alive(&self) -> bool {
        true
    }
}
