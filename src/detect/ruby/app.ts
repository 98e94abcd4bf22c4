import { shell } from "../dockerfile.ts";
import type { Tree } from "../tree.ts";
import type { Gemfile } from "./gemfile.ts";

export interface RubyApp {
  readonly name: string;
  readonly command: readonly string[];
  readonly because: string;
  readonly isRails: boolean;
  readonly warnings: readonly string[];
}

const scripts = ["app.rb", "main.rb", "server.rb", "web.rb", "application.rb", "myapp.rb"];

/** What is started: Rails, the app of config.ru, or a script that is one of Sinatra. */
export function rubyApp(tree: Tree, { gems }: Gemfile): RubyApp | null {
  if (gems.has("rails") && tree.has("config/application.rb")) return railsApp(tree, gems);
  if (tree.has("config.ru")) return rackApp(tree, gems);
  const others = [...tree.paths].filter((path) => /^[\w-]+\.rb$/.test(path)).sort();
  const text = (file: string) => tree.text(file) ?? "";
  const plain = { because: "", isRails: false, warnings: [], name: "Sinatra" };
  const classic = [...scripts, ...others].find((file) => /^\s*require ["']sinatra["']/m.test(text(file)));
  if (classic !== undefined) {
    const command = shell(`bundle exec ruby ${classic} -o 0.0.0.0 -p $PORT -e production`);
    return { ...plain, command, because: `${classic}.` };
  }
  // Its port is that of PORT (sinatrarb.com, "Available Settings").
  const modular = [...scripts, ...others].find(
    (file) => /^\s*require ["']sinatra\/base["']/m.test(text(file)) && /\brun!/.test(text(file)),
  );
  if (modular === undefined) return null;
  return { ...plain, command: ["bundle", "exec", "ruby", modular], because: `${modular}.` };
}

function railsApp(tree: Tree, gems: ReadonlySet<string>): RubyApp {
  const plain = { name: "Rails", because: "The server of Rails.", isRails: true, warnings: [] };
  const puma = tree.text("config/puma.rb");
  if (!gems.has("puma") && puma === null)
    return { ...plain, command: shell("bundle exec rails server -b 0.0.0.0 -p $PORT") };
  const usesPort = puma !== null && /^[^#\n]*\bPORT\b/m.test(puma);
  const config = puma === null ? "" : " -C config/puma.rb";
  const line = `bundle exec puma${config}`;
  return { ...plain, command: usesPort ? line.split(" ") : shell(`${line} -b tcp://0.0.0.0:$PORT`) };
}

function rackApp(tree: Tree, gems: ReadonlySet<string>): RubyApp {
  const frameworks = [
    ["sinatra", "Sinatra"],
    ["hanami", "Hanami"],
    ["roda", "Roda"],
    ["grape", "Grape"],
  ] as const;
  const name = frameworks.find(([gem]) => gems.has(gem))?.[1] ?? "Rack";
  const plain = { name, because: "config.ru.", isRails: false, warnings: [] };
  if (gems.has("puma")) {
    const usesPort = /^[^#\n]*\bPORT\b/m.test(tree.text("config/puma.rb") ?? "");
    return {
      ...plain,
      command: usesPort ? ["bundle", "exec", "puma"] : shell("bundle exec puma -b tcp://0.0.0.0:$PORT"),
    };
  }
  const others = [
    ["falcon", "bundle exec falcon serve --bind http://0.0.0.0:$PORT"],
    ["unicorn", "bundle exec unicorn -p $PORT"],
    ["thin", "bundle exec thin start -p $PORT"],
  ] as const;
  const server = others.find(([gem]) => gems.has(gem));
  if (server !== undefined) return { ...plain, command: shell(server[1]) };
  const warnings = ['the Gemfile has no puma, so rackup chooses a server; write gem "puma" into it'];
  return { ...plain, command: shell("bundle exec rackup -o 0.0.0.0 -p $PORT"), warnings };
}
