/**
 * Write an actor for pulsing-host in JavaScript: a class with methods. See README.md.
 *
 * In an overlapping actor what waits answers a promise. In a serial actor it answers the value itself, when it is there:
 * hence `Waited`, with which both compile. `then` is not there in a serial actor, and `await` is right in both.
 */

/** What can be sent: JSON, or bytes alone. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** A promise in an overlapping actor, and in a serial one the value. */
export type Waited<T> = Promise<T> & T;
/** For `for await` in an overlapping actor, and for `for` in a serial one. */
export type Items<T> = AsyncIterable<T> & Iterable<T>;

/** The words of `static args`; with `?`, one that may be left out. */
export type ArgumentType =
  | 'any' | 'string' | 'integer' | 'number' | 'boolean' | 'array' | 'object'
  | 'any?' | 'string?' | 'integer?' | 'number?' | 'boolean?' | 'array?' | 'object?';

/** An actor's class. Its public methods are what it can be asked; those that begin with `_` are not. */
export interface ActorClass<T = unknown> {
  new (config: any): T;
  /** Methods that answer nothing. A name that is no method's is an error of the build, here and in all the next that name methods. */
  tells?: readonly string[];
  /**
   * Of methods: the types of their arguments, which are checked; `'bytes'` for one argument that is not JSON. The words are
   * those of `ArgumentType`; TypeScript takes any text, since it widens those of a plain `static args = { … }`.
   */
  args?: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  /** Of methods: what they return, for people and tools; it is not checked. `'bytes'` for what is not JSON. */
  answers?: Readonly<Record<string, Shape>>;
  /** Of generators: what each of their items is. */
  items?: Readonly<Record<string, Shape>>;
  /** Streams that begin after `call().resumeAfter` by themselves; of all others the items up to it are skipped. */
  resumes?: readonly string[];
  /** What people read of methods, where it is not the comment before them. */
  docs?: Readonly<Record<string, string>>;
  /** The memory may be lost whenever there is nothing to do. */
  mayPassivate?: boolean;
  /**
   * How the actor wants to be restarted. What the operator sets goes before it. This host shows it and does not apply it
   * yet.
   */
  restart?: Readonly<Restart>;
}

/**
 * What `static answers` and `static items` say: a word of `ArgumentType`, whose `?` is for null, `[each]` for an array, or an
 * object of such, which may have other names too; there a `?` is also for one that may be missing.
 */
export type Shape = string | readonly [Shape] | readonly Shape[] | { readonly [name: string]: Shape };

export interface Restart {
  /** After which ends of a life: TypeScript takes any text, since it widens those of a plain `static restart = { … }`. */
  policy?: 'never' | 'on_failure' | 'always' | (string & {});
  /** How many restarts there may be within the host's restart window. */
  maxRestarts?: number;
  /** The shortest and the longest delay before a restart. */
  minBackoffMs?: number;
  maxBackoffMs?: number;
}

/** Makes a class the actor of this component: `export default actor(Counter)`. */
export function actor<C extends ActorClass>(constructor: C): C;

/** The configuration that the actor was started with; null for none. */
export function config(): any;
/** The name under which the actor is reached, without its key. */
export function name(): string;
/** Which of the actors of this name it is; undefined where the name has only one. */
export function key(): string | undefined;
/** The number of this life: 0 for the first, one more with each restart. */
export function generation(): number;

/** The call that is being handled. */
export interface Call {
  readonly id: number;
  readonly method: string;
  readonly idempotencyKey: string | undefined;
  /** The number of the last item that a stream's reader has. */
  readonly resumeAfter: number | undefined;
  readonly remainingMs: number | undefined;
  /**
   * The actor that sent the message, as `name` or `name:key`: the host says so. Undefined where no actor did. Like `context`,
   * it is asked for when it is first read, and of a call that has ended by then nothing is known.
   */
  readonly caller: string | undefined;
  /** What goes along with the call and with every call that is made from it. From outside, and not to be trusted. */
  readonly context: ReadonlyMap<string, string>;
  /** Whether the caller is gone, or its time is up. */
  isCancelled(): boolean;
}
export function call(): Call;

export class ActorError extends Error {}
/** The caller's fault. */
export class BusinessError extends ActorError {
  constructor(code: number, message: string, details?: Json);
  code: number;
  details: Json | undefined;
}
/** A value that does not fit: code 400. */
export class ValueError extends BusinessError {
  constructor(message: string);
}
/** The actor's own fault. */
export class SystemError extends ActorError {
  constructor(message: string, options?: { recoverable?: boolean; restart?: boolean });
  recoverable: boolean;
  restart: boolean;
}
/** Something took too long. */
export class TimeoutError extends ActorError {
  constructor(operation: string, durationMs: number);
  operation: string;
  durationMs: number;
}
/** The actor does not have the method or the operation. */
export class UnsupportedError extends ActorError {
  constructor(operation: string, nearest?: string);
  operation: string;
  nearest: string | undefined;
}
/** The call was told to stop. */
export class Cancelled extends ActorError {
  constructor();
}
/** The host could not bring a message, or its answer back. */
export class RuntimeFailure extends ActorError {
  /** A newer host may say another word: treat one that you do not know as `internal`, unless there is `retryAfterMs`. */
  readonly kind:
    | 'actor-not-found' | 'actor-stopped' | 'actor-restarting' | 'mailbox-full' | 'deadlock'
    | 'permission-denied' | 'message-too-large' | 'no-connection' | 'internal' | (string & {});
  readonly retryAfterMs: number | undefined;
  /** Whether another try may succeed. */
  readonly recoverable: boolean;
}

export interface Options {
  timeoutMs?: number;
  idempotencyKey?: string;
}

/** Waits. In a serial actor it returns when the time is over. */
export function sleep(ms: number): Promise<void>;
/** Asks another actor. */
export function ask<T = any>(target: string, method: string, args?: Json | Uint8Array, options?: Options | null): Waited<T>;
/** Puts a message into another actor's mailbox. */
export function tell(target: string, method: string, args?: Json | Uint8Array, options?: { idempotencyKey?: string } | null): Promise<void>;
/** Reads another actor's stream: with `for await`, and in a serial actor with `for`. */
export function stream<T = any>(
  target: string, method: string, args?: Json | Uint8Array, options?: (Options & { resumeAfter?: number }) | null,
): Items<T>;
/** The ends of another actor's lives, from this call on. To be read once. */
export function watch(target: string): Items<LifeEnd>;
export interface LifeEnd {
  generation: number;
  reason:
    | 'stopped' | 'killed' | 'restart-requested' | 'passivated' | 'trapped' | 'exited' | 'start-failed' | 'faulted'
    | 'forced' | 'host-fault' | (string & {});
  message: string;
  restarts: boolean;
}

/** One handler at a time. For overlapping actors, as the next two. */
export class Lock {
  acquire(): Promise<void>;
  release(): void;
  run<T>(work: () => T | Promise<T>): Promise<T>;
}
/** Something that happens once, until it is cleared. */
export class Event {
  readonly isSet: boolean;
  wait(): Promise<void>;
  set(): void;
  clear(): void;
}
/** Values from one handler to another, in order. */
export class Queue<T = unknown> {
  constructor(max?: number);
  readonly size: number;
  put(value: T): Promise<void>;
  take(): Promise<T>;
}

/** HTTP to hosts that were granted with `--http`. */
export namespace http {
  class HttpError extends ActorError {
    readonly code: string;
  }
  interface Request {
    method?: string;
    url: string | { toString(): string };
    headers?: Record<string, string>;
    /** Goes with `content-type: application/json`, unless `headers` has another. */
    json?: Json;
    body?: string | Uint8Array;
    /** Until the response has begun. */
    timeoutMs?: number;
    redirects?: number;
  }
  interface Response {
    readonly status: number;
    readonly ok: boolean;
    readonly url: string;
    /** By name in lower case; of a header that comes several times, the values with ", " between them. */
    readonly headers: Map<string, string>;
    /** The body is read once, in one of these ways. `max` is in bytes; of `lines` and `events`, those of a line. */
    bytes(max?: number): Waited<Uint8Array>;
    text(max?: number): Waited<string>;
    json<T = any>(max?: number): Waited<T>;
    lines(max?: number): Items<string>;
    events(max?: number): Items<{ event: string; data: string; id: string | undefined }>;
    close(): void;
  }
  function request(request: Request): Waited<Response>;
}
