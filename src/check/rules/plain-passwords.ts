import { inProduction, isExampleFile, type Rule, type RuleFinding, type SourceFile } from "../subject.ts";

/** A line with this comment is skipped; it must include the reason. */
const excuse = /fairlead:allow plain-passwords because \S/;

/** Storing user input unchanged, in Python, JavaScript and SQL (R297: it blocks production). */
const stores: readonly RegExp[] = [
  /\b(?:user|account|member)\w*\.password\s*=\s*(?:await\s+)?(?:req|request|body|data|form|params|payload|input)\b[\w.[\]"']*password\b/i,
  /\b(?:User|Account|Member)\w*(?:\.objects\.create)?\((?:[^()]*,\s*)?password\s*=\s*(?:[\w.]*\.)?password\s*[,)]/,
  /\bcreate_user\(.{0,200}password_hash\s*=\s*password\b/i,
];
/** Comparing it unchanged, but not with the second field of a form. */
const compares: readonly RegExp[] = [
  /\b(?:user|account|row|member)\w*(?:\.|\[["'])password["'\]]*\s*={2,3}\s*(?![\w.]*(?:confirm|repeat|again|retype|verif|old|new))[\w.]*(?:password|pwd)\b/i,
  /\bWHERE\b.{0,80}\bpassword\s{0,20}=\s{0,20}(?:['"]?\s{0,20}\+|\$\{|%s|\?|:password)/i,
];
/** A hook or a setter of a model, which may hash what looks plain where it is assigned. */
const hooks =
  /\.pre\(\s*["'`]save|before_?(?:save|create|insert|update)\b|has_secure_password|\bset\s+password\(|@password\.setter|["']password["']\s*=>\s*["']hashed/i;

/** Passwords that are compared or stored in the clear. */
export const plainPasswords: Rule = {
  id: "plain-passwords",
  title: "Passwords are stored as hashes",
  why: "Anyone who reads a copy of the database has the passwords of all users, also for other sites where they use them.",
  fix: "store an argon2 or bcrypt hash and compare with the library's own function; if a hook hashes it, write `fairlead:allow plain-passwords because …` on its line",
  severity: inProduction,
  look: ({ files }) => {
    const written = files.filter(({ path }) => code.test(path) && !isExampleFile(path));
    const isHooked = written.some(({ text }) => hooks.test(text));
    return written.flatMap((file) => found(file, isHooked));
  },
};

const code = /\.(?:[cm]?[jt]sx?|py|rb|php|sql)$/;

function found({ path, text }: SourceFile, isHooked: boolean): readonly RuleFinding[] {
  return text.split("\n").flatMap((line, place) => {
    if (line.length >= 2_000 || /^\s*(?:#|\/\/|\/?\*|--)/.test(line) || excuse.test(line)) return [];
    const isCompared = compares.some((pattern) => pattern.test(line));
    if (!isCompared && !stores.some((pattern) => pattern.test(line))) return [];
    const severity = isCompared || !isHooked ? {} : { severity: "warning" as const };
    return [{ at: { file: path, line: place + 1 }, message: "compares or stores a plain password", ...severity }];
  });
}
