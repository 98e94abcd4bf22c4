import { createServer } from "node:http";

const { GREETING, PORT, RELEASE } = process.env;
const server = createServer((request, response) => {
  console.log(`${request.method} ${request.url}`);
  response.end(`${GREETING} from ${RELEASE}\n`);
});
server.listen(PORT, () => console.log(`listens on ${PORT}`));
// Answers what has been asked, then ends.
process.on("SIGTERM", () => server.close());
