import { createServer } from "node:net";

/** `origin PORT` answers every small request the same, as cheaply as Node can, so that proxies are compared and not it. */
const body = "hello from the app\n";
const answer = `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

createServer({ noDelay: true }, (socket) => {
  let text = "";
  socket.setEncoding("latin1").on("data", (part: string) => {
    const requests = (text + part).split("\r\n\r\n");
    text = requests.pop() ?? "";
    if (requests.length > 0) socket.write(answer.repeat(requests.length));
  });
  socket.on("error", () => socket.destroy());
}).listen(Number(process.argv[2]), "127.0.0.1");
