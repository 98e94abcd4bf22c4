import { Agent, createServer, request } from "node:http";

/** The least that a proxy of `node:http` can be, with nothing of what an edge is for: `bare-proxy PORT UPSTREAM-PORT`. */
const [port, upstream] = process.argv.slice(2).map(Number);
const agent = new Agent({ keepAlive: true, maxSockets: 256 });

createServer((incoming, answer) => {
  const { method, url, headers } = incoming;
  const options = { host: "127.0.0.1", port: upstream, method, path: url, headers, agent };
  const outgoing = request(options, (reply) => {
    answer.writeHead(reply.statusCode ?? 502, reply.headers);
    reply.pipe(answer);
  });
  outgoing.once("error", () => answer.destroy());
  incoming.pipe(outgoing);
}).listen(port, "127.0.0.1");
