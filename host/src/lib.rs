//! Runs actors, each in a WebAssembly sandbox.
