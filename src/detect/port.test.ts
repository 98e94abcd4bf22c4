// biome-ignore-all lint/suspicious/noTemplateCurlyInString: a shell's, not ours
import { expect, test } from "vitest";
import { portInCode, portInWords } from "./port.ts";

test.for([
  ["next start -p3000", "next start -p$PORT"],
  ["next start -p '3000'", "next start -p $PORT"],
  ["next start -p $PORT", "next start -p $PORT"],
  ["next start -p ${PORT:-3000}", "next start -p ${PORT:-3000}"],
  ["export PORT=3000 && node a.js", "node a.js"],
  ["a && export PORT=3000; node a.js", "a && node a.js"],
  ["set PORT=3000&& node a.js", "node a.js"],
  ["gunicorn --bind=[::]:8000 a:b", "gunicorn --bind=[::]:$PORT a:b"],
  ["serve -l tcp://0.0.0.0:3000 x", "serve -l $PORT x"],
  ["wait -p 5432 && node a --port 80", "wait -p 5432 && node a --port $PORT"],
  ["tsc -p tsconfig.json", "tsc -p tsconfig.json"],
  ["node a --workers 4 --timeout 3000", "node a --workers 4 --timeout 3000"],
  ["php -S 0.0.0.0:8000 -t public", "php -S 0.0.0.0:$PORT -t public"],
  ["python manage.py runserver 0.0.0.0:8000", "python manage.py runserver 0.0.0.0:$PORT"],
  ["python -m http.server 8000", "python -m http.server $PORT"],
  ["json-server --watch db.json --port 3000", "json-server --host 0.0.0.0 --watch db.json --port $PORT"],
  ["uvicorn a:b --port 8000", "uvicorn --host 0.0.0.0 a:b --port $PORT"],
  ["uvicorn a:b --host=127.0.0.1 --port 8000", "uvicorn a:b --host=0.0.0.0 --port $PORT"],
  ["uvicorn a:b --uds /tmp/a", "uvicorn a:b --uds /tmp/a"],
  ["flask --app hello run -p 5000", "flask --app hello run --host 0.0.0.0 -p $PORT"],
  ["gunicorn -b localhost:8000 a:b", "gunicorn -b 0.0.0.0:$PORT a:b"],
  ["uvicorn-worker a", "uvicorn-worker a"],
  ["", ""],
] as const)("%s", ([given, expected]) => {
  expect(portInWords(given)).toBe(expected);
});

test.for([
  [["app.listen(3000)"], 3000],
  [["const port = 4000;\napp.listen(port, () => {})"], 4000],
  [["server.listen({ port: 5000 })"], 5000],
  [["app.listen({ host: '0.0.0.0', port: 5000 })"], 5000],
  [["const port = 4000;\napp.listen({ host, port })"], 4000],
  [["serve({ fetch: app.fetch, port: 3000 }, (info) => {})"], 3000],
  [["Bun.serve({ fetch(request) { return new Response(); }, port: 3001 })"], 3001],
  [["export default { port: 3002, fetch: app.fetch }"], 3002],
  [["export default { port: 3002 }"], null],
  [["await startStandaloneServer(server, {\n  listen: { port: 4000 },\n})"], 4000],
  [["const PORT = 3000;\napp.listen(PORT)"], 3000],
  [["const PORT = 3000;\napp.listen(process.env.PORT || PORT)"], null],
  [["let PORT = 3000;\nif (env['PORT']) PORT = +env['PORT'];\napp.listen(PORT)"], null],
  [["const PORT = 3000 || config;\napp.listen(PORT)"], null],
  [["serve(handler)", "const server = { port: 3000 }"], null],
  [["", "app.listen(3000)", "const p = process.env.PORT"], null],
  [["app.listen(process.env.PORT || 3000)"], null],
  [["bus.listen(handler)"], null],
] as const)("%j listens on %s", ([texts, port]) => {
  expect(portInCode(texts)).toBe(port);
});
