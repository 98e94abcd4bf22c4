// biome-ignore-all lint/suspicious/noTemplateCurlyInString: a Dockerfile's, not ours
import { expect, test } from "vitest";
import { ownDockerfile } from "./given.ts";

function given(text: string) {
  const { services, warnings, needs } = ownDockerfile(text, { lookedFor: [] });
  return { port: services[0]?.port, run: services[0]?.run, warnings, needs: needs.map(({ program }) => program) };
}

const cmd = 'CMD ["node", "server.js"]\n';

test.for([
  ["EXPOSE 3000\n", 3000, []],
  ["expose 3000/tcp 53/udp\n", 3000, []],
  ["ARG PORT=4000\nENV PORT=$PORT\nEXPOSE $PORT\n", 4000, []],
  ["EXPOSE ${WEB:-5000}\n", 5000, []],
  ["ENV PORT 6000\n", 6000, []],
  ["EXPOSE 3000-3010\n", 3000, []],
  [
    "EXPOSE 9229 \\\n 8080\nENV PORT=8080\n",
    8080,
    ["the Dockerfile exposes 9229, 8080: 8080 is used, which `http.port` changes"],
  ],
  ["EXPOSE 80 443\n", 80, ["the Dockerfile exposes 80, 443: 80 is used, which `http.port` changes"]],
  ["EXPOSE $UNKNOWN 81\n", 81, ["EXPOSE $UNKNOWN has no known value, so it is ignored"]],
  ["", 8000, ["the Dockerfile exposes no port: 8000 is assumed, and the app is told it as PORT"]],
] as const)("%s", ([text, port, warnings]) => {
  expect(given(`FROM a AS x\nEXPOSE 1\nFROM b\n${text}${cmd}`)).toMatchObject({ port, warnings });
});

test.for([
  [cmd, ["node", "server.js"]],
  ["CMD exec node server.js --port 3000\n", ["sh", "-c", "exec node server.js --port $PORT"]],
  ['CMD ["uvicorn", "main:app", "--port", "80"]\n', ["sh", "-c", "exec uvicorn --host 0.0.0.0 main:app --port $PORT"]],
  ['CMD ["sh", "-c", "cd a && node b --port 80"]\n', ["sh", "-c", "cd a && node b --port $PORT"]],
  ["CMD node a && node b\n", ["sh", "-c", "node a && node b"]],
] as const)("%s is what plain processes run", ([text, run]) => {
  expect(given(`FROM a\nEXPOSE 1\n${text}`)).toMatchObject({ run, warnings: [] });
});

test.for([
  ['ENTRYPOINT ["docker-entrypoint.sh"]\nCMD ["node"]\n', "the Dockerfile has an ENTRYPOINT"],
  ["", "the Dockerfile has no CMD"],
  ['CMD ["/app/server"]\n', "CMD of the Dockerfile starts /app/server, which is in the image"],
  ["CMD [node]\n", "CMD of the Dockerfile is not a list of texts"],
] as const)("%s is none", ([text, why]) => {
  const rest = "plain processes need `run` in fairlead.yml, or use a container engine";
  expect(given(`FROM a\nEXPOSE 1\n${text}`)).toMatchObject({ run: null, needs: [], warnings: [`${why}: ${rest}`] });
});

test("an image without a shell keeps the port of its command", () => {
  const found = given('FROM gcr.io/distroless/nodejs22\nEXPOSE 80\nCMD ["node", "a", "--port", "80"]\n');
  expect(found.run).toEqual(["node", "a", "--port", "80"]);
});

test.for([
  ["nginx:1.29-alpine", 80],
  ["docker.io/library/httpd:2", 80],
  ["php:8.4-apache", 80],
  ["nginxinc/nginx-unprivileged", 8080],
  ["${BASE:-caddy}:2", 80],
] as const)("%s exposes a port itself", ([image, port]) => {
  expect(given(`FROM ${image}\n`)).toMatchObject({ port });
});

test("a program of the image that nothing else brings is named", () => {
  expect(given('FROM nginx\nEXPOSE 80\nCMD ["nginx", "-g", "daemon off;"]\n').needs).toEqual(["nginx"]);
});
