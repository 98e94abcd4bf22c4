// biome-ignore-all lint/suspicious/noTemplateCurlyInString: a shell's, not ours
import { expect, test } from "vitest";
import { Tree } from "../tree.ts";
import { readPackage } from "./package.ts";
import { type ScriptCommand, scriptCommand, unwatched } from "./script.ts";

function started(scripts: Readonly<Record<string, string>>): ScriptCommand | null {
  const text = JSON.stringify({ scripts });
  const one = readPackage(new Tree({ paths: ["package.json"], read: () => text }), "");
  return one && scriptCommand(one, "start");
}

function command(start: string, more: Readonly<Record<string, string>> = {}): readonly string[] | undefined {
  return started({ start, build: "tsc", ...more })?.command;
}

test.for([
  ["node server.js", ["node", "server.js"]],
  ["pm2 start server.js -i max", ["node", "server.js"]],
  ["pm2 start ecosystem.config.js --no-daemon", ["pm2", "start", "ecosystem.config.js", "--no-daemon"]],
  ["next start -p 3000", ["sh", "-c", "exec next start -p $PORT"]],
  ["next start --port=3000", ["sh", "-c", "exec next start --port=$PORT"]],
  ["PORT=3000 node server.js", ["node", "server.js"]],
  ["cross-env NODE_ENV=production PORT=3000 node server.js", ["node", "server.js"]],
  ["cross-env MODE=x node server.js", ["env", "MODE=x", "node", "server.js"]],
  ["MODE=$X node server.js", ["sh", "-c", "MODE=$X exec node server.js"]],
  ["node server --port ${PORT:-3000}", ["sh", "-c", "exec node server --port ${PORT:-3000}"]],
  ["gunicorn -b 0.0.0.0:8000 a", ["sh", "-c", "exec gunicorn -b 0.0.0.0:$PORT a"]],
  ["npm run build && node dist/x.js", ["node", "dist/x.js"]],
  ["wait-for-it db -p 5432 && node x --port 80", ["sh", "-c", "wait-for-it db -p 5432 && exec node x --port $PORT"]],
  ["npm run other", ["sh", "-c", "exec vite-node x -p $PORT"], { other: "vite-node x -p 3000" }],
  ["yarn start:x", ["node", "x"], { "start:x": "node x" }],
  ["bun run server.ts", ["bun", "run", "server.ts"]],
  ["node --env-file=.env server.js", ["node", "server.js"]],
  ["node server.js | pino-pretty", ["npm", "run", "--silent", "start"]],
  ["node a & node b", ["npm", "run", "--silent", "start"]],
  ["npm start", ["npm", "start"]],
] as const)("%s", ([start, expected, more]) => {
  expect(command(start, more)).toEqual(expected);
});

test("a script before it is started by the same shell, and one after it needs npm", () => {
  expect(command("node x", { prestart: "node y" })).toEqual(["sh", "-c", "node y && exec node x"]);
  expect(command("A=1 node x -p 5000", { prestart: "node y" })).toEqual([
    "sh",
    "-c",
    "node y && A=1 exec node x -p $PORT",
  ]);
  expect(command("node x", { poststart: "node y" })).toEqual(["npm", "run", "--silent", "start"]);
});

test.for<[string, Readonly<Record<string, string>>, string[]]>([
  ["tsc && node x", {}, ["tsc"]],
  ["rimraf dist && tsc -p . && node x", {}, ["rimraf dist", "tsc -p ."]],
  ["node x", { prestart: "npm run all", all: "npm run clean && tsc", clean: "shx rm -rf dist" }, ["npm run all"]],
  ["tsc --watch && node x", {}, []],
  ["tsc & node x", {}, []],
  ["prisma migrate deploy && node x", {}, []],
])("the builds of %s happen before it is started", ([start, more, expected]) => {
  expect(started({ start, ...more })?.before).toEqual(expected);
});

test.for<[string, string | null]>([
  ["nodemon src/app.js", "node src/app.js"],
  ["nodemon --exec ts-node src/app.ts", null],
  ["node --watch server.js", "node server.js"],
  ["tsx watch --clear-screen=false src/a.ts", "tsx src/a.ts"],
  ["bun --hot src/a.ts", "bun src/a.ts"],
  ["vite", null],
])("what %s starts", ([program, expected]) => {
  expect(unwatched(program)).toBe(expected);
});
