import { inProduction, isExampleFile, type Rule } from "../subject.ts";

/** A line with this comment is skipped; it must include the reason. */
const excuse = /fairlead:allow plain-passwords because \S/;

/** Comparing or storing user input unchanged, in Python, JavaScript and SQL (R297: it blocks production). */
const patterns: readonly RegExp[] = [
  /\b(?:user|account|member)\w*\.password\s*=\s*(?:await\s+)?(?:req|request|body|data|form|params|payload|input)\b[\w.[\]"']*password\b/i,
  /\b(?:User|Account|Member)\w*(?:\.objects\.create)?\((?:[^()]*,\s*)?password\s*=\s*(?:[\w.]*\.)?password\s*[,)]/,
  /\b(?:user|account|row|member)\w*(?:\.|\[["'])password["'\]]*\s*={2,3}\s*[\w.]*(?:password|pwd)\b/i,
  /\bWHERE\b.{0,80}\bpassword\s{0,20}=\s{0,20}(?:['"]?\s{0,20}\+|\$\{|%s|\?|:password)/i,
  /\bcreate_user\(.{0,200}password_hash\s*=\s*password\b/i,
];

/** Passwords that are compared or stored in the clear. */
export const plainPasswords: Rule = {
  id: "plain-passwords",
  title: "Passwords are stored as hashes",
  why: "Anyone who reads a copy of the database has the passwords of all users, also for other sites where they use them.",
  fix: "store an argon2 or bcrypt hash and compare with the library's own function; if a hook hashes it, write `fairlead:allow plain-passwords because …` on its line",
  severity: inProduction,
  look: ({ files }) =>
    files
      .filter(({ path }) => /\.(?:[cm]?[jt]sx?|py|rb|php|sql)$/.test(path) && !isExampleFile(path))
      .flatMap(({ path, text }) =>
        text
          .split("\n")
          .flatMap((line, place) =>
            line.length < 2_000 && !excuse.test(line) && patterns.some((pattern) => pattern.test(line))
              ? [{ at: { file: path, line: place + 1 }, message: "compares or stores a plain password" }]
              : [],
          ),
      ),
};
