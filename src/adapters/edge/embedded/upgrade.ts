import { type ClientRequest, type IncomingMessage, request } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Admission, PendingRequest } from "./admission.ts";
import { endGently } from "./client-connection.ts";
import { headText, requestHeaders, responseHeaders } from "./headers.ts";
import type { LiveUpstream } from "./live.ts";
import { type OwnAnswer, pageFor } from "./pages.ts";
import { clientGone, type RequestContext } from "./request-context.ts";

/** A WebSocket: after the app agreed, bytes go to and fro until one side ends, whatever happens to the table. */
export class Upgrade implements PendingRequest {
  readonly context: RequestContext;
  readonly announcedBytes = 0;
  forget: (() => void) | null = null;
  readonly #admission: Admission;
  readonly #socket: Socket;
  readonly #head: Buffer;
  #outgoing: ClientRequest | null = null;
  #gone = false;
  #status = clientGone;

  constructor(context: RequestContext, socket: Socket, options: { admission: Admission; head: Buffer }) {
    this.context = context;
    this.#socket = socket;
    this.#head = options.head;
    this.#admission = options.admission;
    // Node hands the socket over without any listener; its close, which follows, says all there is to know.
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#closed());
  }

  reply(answer: OwnAnswer): void {
    if (this.#gone) return;
    const { status, body, headers } = pageFor(this.context, answer);
    this.#status = status;
    this.#socket.write(headText(status, [...headers, "connection", "close"]), "latin1");
    this.#socket.write(body);
    endGently(this.#socket);
  }

  serve(upstream: LiveUpstream): void {
    this.context.begin(upstream);
    const { context } = this;
    const headers = requestHeaders(context.req, context);
    headers.push("connection", "Upgrade", "upgrade", context.req.headers.upgrade ?? "");
    const { host, port } = upstream.spec;
    const { path } = context.target;
    const timeout = context.route?.spec.timeoutMs ?? 0;
    const outgoing = request({ host, port, path, headers, agent: false, setHost: false, timeout });
    this.#outgoing = outgoing;
    let connected = false;
    let late = false;
    outgoing.once("socket", (socket) => socket.once("connect", () => (connected = true)));
    outgoing.once("timeout", () => {
      late = true;
      outgoing.destroy();
    });
    outgoing.once("upgrade", (answer, app, head) => this.#join(answer, app, head));
    outgoing.once("response", (answer) => this.#declined(answer));
    outgoing.once("error", () => {
      if (this.#gone) return;
      if (connected || late) this.reply({ status: late ? 504 : 502 });
      else this.#nobodyThere(upstream);
    });
    outgoing.end();
  }

  #nobodyThere(upstream: LiveUpstream): void {
    this.context.leave(true);
    this.context.tried.add(upstream);
    this.#admission.again(this);
  }

  #join(answer: IncomingMessage, app: Duplex, head: Buffer): void {
    const socket = this.#socket;
    app.on("error", () => app.destroy());
    if (this.#gone) {
      app.destroy();
      return;
    }
    this.#status = 101;
    (app as Socket).setTimeout(0);
    (app as Socket).setNoDelay(true);
    const headers = this.#answerHeaders(answer);
    headers.push("connection", "Upgrade", "upgrade", answer.headers.upgrade ?? "websocket");
    socket.write(headText(101, headers), "latin1");
    if (head.length > 0) socket.write(head);
    if (this.#head.length > 0) app.write(this.#head);
    socket.pipe(app);
    app.pipe(socket);
    // An end that is not a clean one (a reset) does not travel through a pipe.
    app.once("close", () => socket.destroySoon());
    socket.once("close", () => (app as Socket).destroySoon());
  }

  /** The app did not agree: its ordinary answer goes back and the connection ends with it. */
  #declined(answer: IncomingMessage): void {
    this.#status = answer.statusCode ?? 502;
    this.context.answered();
    this.#socket.write(headText(this.#status, [...this.#answerHeaders(answer), "connection", "close"]), "latin1");
    answer.pipe(this.#socket, { end: false });
    answer.once("end", () => endGently(this.#socket));
    answer.once("error", () => this.#socket.destroy());
  }

  #answerHeaders(answer: IncomingMessage): (string | string[])[] {
    if (answer.statusCode !== 101) return this.context.answerHeaders(answer.headers, null);
    return responseHeaders(answer.headers, { requestId: this.context.requestId, added: null, change: null });
  }

  #closed(): void {
    this.#gone = true;
    this.forget?.();
    if (this.#status !== 101) this.#outgoing?.destroy();
    this.context.finish(this.#status, this.#admission.records);
  }
}
