import type { IncomingMessage, ServerResponse } from "node:http";
import { type Dispatcher, errors } from "undici";
import type { Admission, PendingRequest } from "./admission.ts";
import type { ClientConnection } from "./client-connection.ts";
import { type Compressor, compressionPlan, compressor } from "./compression.ts";
import type { AppConnection } from "./connections.ts";
import { type AnswerHeaders, headText, requestHeaders, responseHeaders, trailerFields } from "./headers.ts";
import type { LiveUpstream } from "./live.ts";
import { type OwnAnswer, pageFor } from "./pages.ts";
import { BodyStopped, RequestBody } from "./request-body.ts";
import { hasBody } from "./request-checks.ts";
import { clientGone, type RequestContext } from "./request-context.ts";
import { embeddedSettings } from "./settings.ts";

/** Methods whose repetition means the same as doing it once (RFC 9110 9.2.2). */
const idempotent = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);

/** Where a request came in. */
export interface Listener {
  /** It accepts no new connections: answers ask clients to open another one. */
  readonly draining: boolean;
}

interface ExchangeOptions {
  readonly admission: Admission;
  readonly door: Listener;
  readonly connection: ClientConnection;
  readonly expectsContinue: boolean;
}

/** What of a request's way is past, for one attempt with one upstream. */
interface Attempt {
  readonly upstream: LiveUpstream;
  readonly line: AppConnection;
  /** It may have reached the app. */
  sent: boolean;
  /** On a connection that had been used before. */
  reused: boolean;
  /** The app began to answer. */
  answered: boolean;
}

/** One HTTP request from its client to an app and back. It is its own undici handler, as one object less a request counts. */
export class ProxyExchange implements PendingRequest, Dispatcher.DispatchHandler {
  readonly context: RequestContext;
  readonly announcedBytes: number;
  forget: (() => void) | null = null;
  readonly #admission: Admission;
  readonly #door: Listener;
  readonly #connection: ClientConnection;
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #withBody: boolean;
  readonly #continue: boolean;
  #attempt: Attempt | null = null;
  #controller: Dispatcher.DispatchController | null = null;
  #body: RequestBody | null = null;
  #compressor: Compressor | null = null;
  /** Remaining bytes of an announced answer; -1 if its length is unknown. */
  #left = -1;
  #status = clientGone;
  #repeated = false;
  #gone = false;
  #stalled: NodeJS.Timeout | undefined;

  constructor(context: RequestContext, res: ServerResponse, options: ExchangeOptions) {
    this.context = context;
    this.#req = context.req;
    this.#res = res;
    this.#admission = options.admission;
    this.#door = options.door;
    this.#connection = options.connection;
    this.#continue = options.expectsContinue;
    this.#withBody = hasBody(context.req);
    this.announcedBytes = Number(context.req.headers["content-length"] ?? 0);
    res.on("close", () => this.#closed());
  }

  serve(upstream: LiveUpstream): void {
    this.#send(upstream, upstream.connections.take());
  }

  reply(answer: OwnAnswer): void {
    if (this.#gone) return;
    this.#status = answer.status;
    if (this.#res.headersSent) {
      this.#res.destroy();
      return;
    }
    const { status, body, headers } = pageFor(this.context, answer);
    this.#res.writeHead(status, this.#framed(headers, this.#isSending));
    this.#res.end(body);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    const attempt = this.#attempt;
    if (attempt === null || this.#gone) return controller.abort(new BodyStopped(null));
    attempt.sent = true;
    attempt.reused = attempt.line.sent > 0;
    attempt.line.sent += 1;
  }

  onResponseStarted(): void {
    if (this.#attempt !== null) this.#attempt.answered = true;
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: AnswerHeaders): void {
    if (status < 200) return this.#hint(status, headers);
    this.context.answered();
    this.#status = status;
    const plan = compressionPlan(this.context, status, headers);
    const ends = status >= 300 && this.#isSending;
    this.#res.writeHead(status, this.#framed(this.context.answerHeaders(headers, plan?.change ?? null), ends));
    if (plan?.coding) this.#compress(compressor(plan.coding));
    else this.#announce(status, headers["content-length"]);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const to = this.#compressor ?? this.#res;
    if (chunk.length === this.#left) {
      this.#left = 0;
      // As one string Node joins it to the headers: one write to the system in place of a costlier gathering one.
      if (chunk.length <= embeddedSettings.joinedBytes) this.#res.end(chunk.toString("latin1"), "latin1");
      else this.#res.end(chunk);
      return;
    }
    if (this.#left > 0) this.#left -= chunk.length;
    if (to.write(chunk)) return;
    controller.pause();
    this.#stalled ??= setTimeout(() => this.#res.destroy(), embeddedSettings.stalledMs);
    to.once("drain", () => {
      clearTimeout(this.#stalled);
      this.#stalled = undefined;
      controller.resume();
    });
  }

  onResponseEnd(_controller: Dispatcher.DispatchController, trailers: AnswerHeaders): void {
    const attempt = this.#attempt;
    this.#attempt = null;
    if (attempt !== null) attempt.upstream.connections.give(attempt.line);
    const fields = trailerFields(trailers);
    if (fields.length > 0 && !this.#res.writableEnded) this.#res.addTrailers(fields);
    if (this.#compressor !== null) this.#compressor.end();
    else if (this.#left !== 0) this.#res.end();
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    const attempt = this.#attempt;
    this.#attempt = null;
    if (attempt === null) return;
    attempt.upstream.connections.discard(attempt.line);
    if (this.#gone) return;
    if (error instanceof BodyStopped) this.#stopped(error);
    else if (!attempt.sent) this.#nobodyThere(attempt.upstream);
    else if (this.#mayRepeat(attempt)) this.#send(attempt.upstream, attempt.upstream.connections.open());
    else this.reply({ status: isTimeout(error) ? 504 : 502 });
  }

  #send(upstream: LiveUpstream, line: AppConnection): void {
    this.context.begin(upstream);
    this.#attempt = { upstream, line, sent: false, reused: false, answered: false };
    this.#controller = null;
    const { context } = this;
    const timeout = context.route?.spec.timeoutMs ?? 0;
    line.client.dispatch(
      {
        method: this.#req.method ?? "GET",
        path: context.target.path,
        headers: requestHeaders(this.#req, context),
        body: this.#withBody ? this.#newBody() : null,
        headersTimeout: timeout,
        bodyTimeout: timeout,
      },
      this,
    );
  }

  #newBody(): RequestBody {
    const limit = this.context.route?.spec.limits.bodyBytes ?? 0;
    this.#body = new RequestBody(this.#req, {
      limit,
      wanted: () => {
        if (this.#continue && !this.#res.headersSent) this.#res.writeContinue();
      },
    });
    return this.#body;
  }

  /** An answer before the answer (RFC 9110 15.2), as early hints are. `100 Continue` the edge says itself. */
  #hint(status: number, headers: AnswerHeaders): void {
    if (status === 100 || this.#gone || this.#req.httpVersionMinor === 0) return;
    const given = responseHeaders(headers, { requestId: this.context.requestId, added: null, change: null });
    this.#res.socket?.write(headText(status, given), "latin1");
  }

  /** No connection came about, so no byte was sent: another upstream may have it, by the table of now. */
  #nobodyThere(upstream: LiveUpstream): void {
    this.context.leave(true);
    this.context.tried.add(upstream);
    this.#admission.again(this);
  }

  /**
   * A reused connection that dies before it answers was most likely being closed by the app as idle. Once, on a fresh
   * connection, is safe for a method that may be repeated (RFC 9110 9.2.2, 9112 9.3.1).
   */
  #mayRepeat(attempt: Attempt): boolean {
    if (!attempt.reused || attempt.answered || this.#withBody || this.#repeated) return false;
    if (!idempotent.has(this.#req.method ?? "")) return false;
    this.#repeated = true;
    this.context.leave(false);
    return true;
  }

  #stopped({ status }: BodyStopped): void {
    if (status === null) this.#res.destroy();
    else {
      this.context.leave(false);
      this.reply({ status });
    }
  }

  #compress(through: Compressor): void {
    this.#compressor = through;
    through.on("error", () => this.#res.destroy());
    through.pipe(this.#res);
  }

  /** An answer whose length is known can end with its last byte, which saves a write. */
  #announce(status: number, length: string | string[] | undefined): void {
    const bodyless = this.#req.method === "HEAD" || status === 204 || status === 304;
    if (!bodyless && typeof length === "string" && length !== "0") this.#left = Number(length);
  }

  /** The client still sends the body of what is answered already. */
  get #isSending(): boolean {
    return this.#withBody && !this.#req.complete;
  }

  /** `ends`: it is refused while it still sends, so that nothing of its connection is read any more. */
  #framed<T>(headers: readonly T[], ends: boolean): (T | string)[] {
    if (ends) this.#connection.condemn();
    return ends || this.#door.draining ? [...headers, "connection", "close"] : [...headers];
  }

  #closed(): void {
    this.#gone = true;
    clearTimeout(this.#stalled);
    this.forget?.();
    const finished = this.#res.writableFinished;
    if (!finished && this.#attempt !== null) this.#status = clientGone;
    if (this.#attempt !== null) this.#controller?.abort(new BodyStopped(null));
    this.#body?.destroy();
    if (!finished) this.#compressor?.destroy();
    else if (this.#isSending) linger(this.#req);
    this.context.finish(this.#status, this.#admission.records);
  }
}

function isTimeout(error: Error): boolean {
  return error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError;
}

/** Reads the rest of an unneeded body, so that its client reads the answer. */
function linger(req: IncomingMessage): void {
  req.resume();
  const late = setTimeout(() => req.socket.destroy(), embeddedSettings.lingerMostMs);
  req.once("close", () => clearTimeout(late));
}
