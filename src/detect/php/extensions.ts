import { type Mapping, member, namesOf } from "../tree.ts";

/** Extensions that the official images of PHP lack, by the names of Composer without `ext-`; Debian's package of each. */
const known: Readonly<Record<string, string>> = {
  apcu: "php-apcu",
  bcmath: "php-bcmath",
  exif: "php-common",
  gd: "php-gd",
  imagick: "php-imagick",
  intl: "php-intl",
  mongodb: "php-mongodb",
  mysqli: "php-mysql",
  pcntl: "php-cli",
  pdo_mysql: "php-mysql",
  pdo_pgsql: "php-pgsql",
  pgsql: "php-pgsql",
  redis: "php-redis",
  soap: "php-soap",
  sockets: "php-common",
  zip: "php-zip",
};

export interface Extensions {
  readonly names: readonly string[];
  readonly debian: readonly string[];
  /** Required ones of which nothing is known here. */
  readonly unknown: readonly string[];
}

/** Those that the official image has without doing anything. */
const built =
  /^(?:ctype|curl|date|dom|fileinfo|filter|ftp|hash|iconv|json|libxml|mbstring|mysqlnd|openssl|pcre|pdo|pdo_sqlite|phar|posix|readline|reflection|session|simplexml|sodium|spl|sqlite3|tokenizer|xml|xmlreader|xmlwriter|zlib)$/;

/** The extensions that a composer.json requires, with those that the framework uses by default. */
export function extensionsOf(composer: Mapping | null, defaults: readonly string[]): Extensions {
  const required = namesOf(member(composer, "require"))
    .filter((name) => name.startsWith("ext-"))
    .map((name) => name.slice(4).toLowerCase())
    .filter((name) => !built.test(name));
  const names = [...new Set([...required, ...defaults])].filter((name) => Object.hasOwn(known, name)).sort();
  return {
    names,
    debian: names.map((name) => known[name] ?? ""),
    unknown: required.filter((name) => !Object.hasOwn(known, name)),
  };
}
