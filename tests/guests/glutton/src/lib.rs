//! A serial guest that hands much to single calls of wasi, and takes many files: one method for each function.

use std::mem::forget;

use pulsing_guest::blocking::ActorRef;
use pulsing_guest::{Bytes, Error};
use wasip2::cli::{stderr, stdout};
use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{
    Descriptor, DescriptorFlags, ErrorCode, OpenFlags, PathFlags, filesystem_error_code,
};
use wasip2::http::types::{Fields, Method, OutgoingRequest, Scheme};
use wasip2::io::poll::{Pollable, poll};
use wasip2::io::streams::{InputStream, StreamError};
use wasip2::random::{insecure, random};
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::ip_name_lookup::resolve_addresses;
use wasip2::sockets::network::IpAddressFamily;
use wasip2::sockets::{tcp_create_socket, udp_create_socket};

#[derive(Default)]
struct Glutton {
    held: Vec<Descriptor>,
    reading: Vec<InputStream>,
}

#[pulsing_guest::actor]
impl Glutton {
    /// Writes so many lines of one character to its log, in one call.
    fn shout(&self, bytes: usize, to_stderr: bool) -> Result<(), Error> {
        let output = if to_stderr { stderr::get_stderr() } else { stdout::get_stdout() };
        let text: Vec<u8> = b"x\n".iter().copied().cycle().take(bytes).collect();
        output.write(&text).map_err(|error| told(&error))
    }

    /// How many random bytes there are of as many in one call.
    fn dice(&self, bytes: u64, secure: bool) -> usize {
        if secure {
            random::get_random_bytes(bytes).len()
        } else {
            insecure::get_insecure_random_bytes(bytes).len()
        }
    }

    /// Waits for the same thing so many times at once.
    fn stare(&self, times: usize) -> usize {
        let one = subscribe_duration(0);
        let all: Vec<&Pollable> = std::iter::repeat_n(&one, times).collect();
        poll(&all).len()
    }

    /// Writes so many bytes at an offset, in one call, and says how many it wrote.
    fn write_at(&self, path: String, offset: u64, bytes: usize) -> Result<u64, Error> {
        open(&path)?.write(&vec![b'x'; bytes], offset).map_err(|code| named(&code))
    }

    /// Writes so many bytes to the stream of a file, in one call that it asks nobody about.
    fn pour(&self, path: String, bytes: usize) -> Result<(), Error> {
        let file = open(&path)?;
        let stream = file.write_via_stream(0).map_err(|code| named(&code))?;
        stream.write(&vec![b'x'; bytes]).map_err(|error| told(&error))
    }

    /// Appends 4 KiB so many times.
    fn append(&self, path: String, times: usize) -> Result<(), Error> {
        let stream = open(&path)?.append_via_stream().map_err(|code| named(&code))?;
        (0..times)
            .try_for_each(|_| stream.blocking_write_and_flush(&[b'x'; 4096]))
            .map_err(|error| told(&error))
    }

    fn set_size(&self, path: String, size: u64) -> Result<(), Error> {
        open(&path)?.set_size(size).map_err(|code| named(&code))
    }

    /// Opens a file until it gets no more, and keeps all; says how many it has, and why no more.
    fn open_all(&mut self, path: String) -> (usize, String) {
        loop {
            match open(&path) {
                Ok(file) => self.held.push(file),
                Err(error) => return (self.held.len(), error.to_string()),
            }
        }
    }

    /// Makes streams of all it has open, which it never lets go of, and closes the rest.
    fn keep_streams(&mut self) -> usize {
        let streams = self.held.drain(..).filter_map(|file| file.read_via_stream(0).ok());
        streams.map(forget).count()
    }

    /// Closes all that it has open.
    fn close_all(&mut self) {
        self.held.clear();
    }

    /// Reads 64 KiB of a file in so many streams, takes one byte of each, and keeps the rest in the host; says how many it has,
    /// and why no more.
    fn keep_pieces(&mut self, path: String, streams: usize) -> Result<(usize, String), Error> {
        let file = open(&path)?;
        while self.reading.len() < streams {
            let stream = file.read_via_stream(0).map_err(|code| named(&code))?;
            let begun = stream.read(64 << 10);
            stream.subscribe().block();
            match begun.and_then(|_| stream.read(1)) {
                Ok(_) => self.reading.push(stream),
                Err(error) => return Ok((self.reading.len(), told(&error).to_string())),
            }
        }
        Ok((self.reading.len(), String::new()))
    }

    /// Lets go of all that it reads.
    fn drop_pieces(&mut self) {
        self.reading.clear();
    }

    /// Makes one folder.
    fn new_folder(&self, path: String) -> Result<(), Error> {
        folder()?.create_directory_at(&path).map_err(|code| named(&code))
    }

    /// Makes one file, which is not there yet.
    fn new_file(&self, path: String) -> Result<(), Error> {
        let how = OpenFlags::CREATE | OpenFlags::EXCLUSIVE;
        let opened = folder()?.open_at(PathFlags::empty(), &path, how, DescriptorFlags::WRITE);
        opened.map(drop).map_err(|code| named(&code))
    }

    /// Sends so many bytes to an actor that it may not send to.
    fn post(&self, bytes: usize) -> Result<(), Error> {
        Ok(ActorRef::new("nobody").ask("any", Bytes(vec![7; bytes]))?)
    }

    /// Watches an actor with a name of so many bytes.
    fn watch(&self, bytes: usize) -> Result<(), Error> {
        Ok(ActorRef::new("x".repeat(bytes)).watch().map(drop)?)
    }

    /// Hands a name of so many bytes to a function of wasi:http.
    fn header(&self, function: String, bytes: usize) -> Result<(), Error> {
        let (fields, name) = (Fields::new(), "x".repeat(bytes));
        let done = match function.as_str() {
            "from-list" => Fields::from_list(&[(name, Vec::new())]).map(drop),
            "set" => fields.set(&name, &[Vec::new()]),
            "append" => fields.append(&name, &[]),
            "delete" => fields.delete(&name),
            "has" => Ok(_ = fields.has(&name)),
            "get" => Ok(_ = fields.get(&name)),
            other => return request_with(other, name).map_err(|()| Error::system("refused")),
        };
        done.map_err(|error| Error::system(error.to_string()))
    }

    /// Looks for the address of a machine with a name of so many bytes.
    fn resolve(&self, bytes: usize) -> Result<(), Error> {
        let resolved = resolve_addresses(&instance_network(), &"x".repeat(bytes));
        resolved.map(drop).map_err(|code| Error::system(code.name().to_owned()))
    }

    /// How many names there are in its folder.
    fn names(&self) -> Result<u64, Error> {
        let listing = folder()?.read_directory().map_err(|code| named(&code))?;
        let mut names = 0;
        while listing.read_directory_entry().map_err(|code| named(&code))?.is_some() {
            names += 1;
        }
        Ok(names)
    }

    /// Looks for a file with a path of so many bytes.
    fn stat_long(&self, bytes: usize) -> Result<(), Error> {
        let path = "./".repeat(bytes / 2);
        folder()?.stat_at(PathFlags::empty(), &path).map(drop).map_err(|code| named(&code))
    }

    /// Makes so many folders.
    fn make_folders(&self, count: usize) -> Result<(), Error> {
        let folder = folder()?;
        (0..count).try_for_each(|n| folder.create_directory_at(&n.to_string())).map_err(|code| named(&code))
    }

    /// How many sockets it gets.
    fn sockets(&self) -> usize {
        let tcp = tcp_create_socket::create_tcp_socket(IpAddressFamily::Ipv4).is_ok();
        let udp = udp_create_socket::create_udp_socket(IpAddressFamily::Ipv4).is_ok();
        usize::from(tcp) + usize::from(udp)
    }
}

fn request_with(function: &str, text: String) -> Result<(), ()> {
    let request = OutgoingRequest::new(Fields::new());
    match function {
        "set-scheme" => request.set_scheme(Some(&Scheme::Other(text))),
        "set-method" => request.set_method(&Method::Other(text)),
        "set-authority" => request.set_authority(Some(&text)),
        _ => request.set_path_with_query(Some(&text)),
    }
}

fn folder() -> Result<Descriptor, Error> {
    get_directories().into_iter().next().map(|(folder, _)| folder).ok_or_else(|| Error::fatal("no folder"))
}

fn open(path: &str) -> Result<Descriptor, Error> {
    let flags = DescriptorFlags::READ | DescriptorFlags::WRITE;
    folder()?.open_at(PathFlags::empty(), path, OpenFlags::CREATE, flags).map_err(|code| named(&code))
}

fn named(code: &ErrorCode) -> Error {
    Error::system(code.name().to_owned())
}

fn told(error: &StreamError) -> Error {
    match error {
        StreamError::Closed => Error::system("closed"),
        StreamError::LastOperationFailed(error) => {
            filesystem_error_code(error).map_or_else(|| Error::system("failed"), |code| named(&code))
        }
    }
}
