/** The languages of sources that Fairlead builds without a Dockerfile; each is a folder of `src/detect`. */
export const languages = ["node", "python", "go", "ruby", "php", "java", "rust", "deno", "elixir", "static"] as const;

export type Language = (typeof languages)[number];
