import { expect, test } from "vitest";
import { Tree } from "../tree.ts";
import { reachable } from "./reachable.ts";
import { requiredIn } from "./required.ts";

const treeOf = (files: Readonly<Record<string, string>>) =>
  new Tree({ paths: Object.keys(files), read: (path) => files[path] ?? null });
const required = (text: string) => requiredIn(treeOf({ "main.py": text }), ["main.py"]).join(" ");

test.each([
  ['KEY = os.environ["API_KEY"]', "API_KEY"],
  ["from os import environ\nKEY = environ['API_KEY']", "API_KEY"],
  [
    'DATABASES = {\n    "default": {\n        "NAME": os.environ["DB_NAME"],\n        "HOST": os.environ["DB_HOST"],\n    }\n}',
    "DB_NAME DB_HOST",
  ],
  ['KEY = os.getenv("API_KEY")\nif not KEY:\n    raise RuntimeError("no key")', "API_KEY"],
  ['KEY = os.environ.get("API_KEY")\nif KEY is None: sys.exit(1)', "API_KEY"],
  [
    'A = os.getenv("A_URL")\nB = os.getenv("B_URL")\nif not A or not B:\n    raise SystemExit("missing")',
    "A_URL B_URL",
  ],
  ['KEY: str | None = os.getenv("API_KEY")\nassert KEY', "API_KEY"],
  ['N = int(os.getenv("WORKERS"))', "WORKERS"],
  [
    "import environ\nenv = environ.Env(DEBUG=(bool, False))\nK = env('SECRET_KEY')\nD = env('DEBUG')\nX = env.bool('X', False)",
    "SECRET_KEY",
  ],
  [
    "import environ\nenv = environ.Env()\nDATABASES = {'default': env.db()}\nCACHES = {'default': env.cache()}",
    "DATABASE_URL CACHE_URL",
  ],
  ["from environs import Env\nenv = Env()\nA = env.str('A_KEY')\nB = env.int('B', 3)", "A_KEY"],
  [
    "from decouple import config\nA = config('A_KEY')\nB = config('B', default=1)\nC = config('C', cast=bool)\nD = config('D', 'x')",
    "A_KEY C",
  ],
  [
    "from decouple import config, Csv\nH = config('HOSTS', cast=Csv())\nG = config('G', cast=lambda v: v, default='')",
    "HOSTS",
  ],
  ["import dj_database_url\nDATABASES = {'default': dj_database_url.config(conn_max_age=600)}", "DATABASE_URL"],
  [
    "class Settings(BaseSettings):\n    name: str\n    port: int = 3\n    key: str = Field(alias='API_KEY')\n\nsettings = Settings()",
    "NAME API_KEY",
  ],
  [
    "class S(BaseSettings):\n    model_config = SettingsConfigDict(env_prefix='SHOP_')\n    token: SecretStr\n    tags: list[str] = []\n    url: str = Field(...)\ns = S()",
    "SHOP_TOKEN SHOP_URL",
  ],
  ["class S(BaseSettings):\n    token: str\n    class Config:\n        env_prefix = 'A_'\ns = S()", "A_TOKEN"],
])("%j needs %s", (text, names) => {
  expect(required(text)).toBe(names);
});

test.each([
  '# KEY = os.environ["API_KEY"]',
  '"""\nKEY = os.environ["API_KEY"]\n"""',
  'def key():\n    return os.environ["API_KEY"]',
  'if os.environ.get("API_KEY"):\n    KEY = os.environ["API_KEY"]',
  'if "API_KEY" in os.environ:\n    KEY = os.environ["API_KEY"]\nelse:\n    KEY = 1',
  'try:\n    KEY = os.environ["API_KEY"]\nexcept KeyError:\n    KEY = ""',
  'KEY = os.environ["API_KEY"] if "API_KEY" in os.environ else None',
  'os.environ["API_KEY"] = "x"',
  'os.environ.setdefault("API_KEY", "x")\nKEY = os.environ["API_KEY"]',
  'KEY = os.getenv("API_KEY")\nif not KEY:\n    print("no key")',
  'KEY = os.getenv("API_KEY", "x")\nif not KEY:\n    raise ValueError()',
  'if __name__ == "__main__":\n    KEY = os.environ["API_KEY"]',
  'KEY = lambda: os.environ["API_KEY"]',
  'PORT = int(os.environ["PORT"])',
  'app.config["API_KEY"]\nconfig("API_KEY")',
  "class Settings(BaseSettings):\n    name: str",
  "class Settings(BaseModel):\n    name: str\nSettings()",
  "class Settings(BaseSettings):\n    kind: ClassVar[str]\n    def f(self):\n        x: int\nSettings()",
  "import dj_database_url\nDATABASES['default'].update(dj_database_url.config(conn_max_age=500))",
  "import dj_database_url\nDATABASES = {'default': dj_database_url.config(default='sqlite:///x')}",
])("%j needs nothing", (text) => {
  expect(required(text)).toBe("");
});

test("only files that are imported at the start are read", () => {
  const tree = treeOf({
    "shop/__init__.py": "from .config import settings\nfrom . import views\n",
    "shop/config.py": 'A = os.environ["A"]',
    "shop/views.py": "import shop.deep.one\ndef late():\n    import shop.late\n",
    "shop/deep/__init__.py": "",
    "shop/deep/one.py": "from ..sibling import *",
    "shop/sibling.py": "",
    "shop/late.py": 'B = os.environ["B"]',
    "shop/management/commands/load.py": 'C = os.environ["C"]',
  });
  const files = reachable(tree, ["shop/__init__.py"], [""]);
  expect([...files].sort()).toEqual(
    ["__init__", "config", "deep/__init__", "deep/one", "sibling", "views"].map((name) => `shop/${name}.py`),
  );
  expect(requiredIn(tree, files)).toEqual(["A"]);
});

test("a hostile file is read in time that grows with its length", () => {
  const began = process.cpuUsage().user;
  for (const piece of ["(", "'", "if not ", 'env("A"', "a: b = ", '"""', "class S(BaseSettings):\n x: y\n", "\\\n"])
    required(piece.repeat(5_000));
  expect((process.cpuUsage().user - began) / 1e6).toBeLessThan(20);
});
