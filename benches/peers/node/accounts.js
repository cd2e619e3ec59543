// The accounts in SQLite, and passwords. The statements are prepared once.

import { readFileSync } from "node:fs";
import { verify } from "@node-rs/argon2";
import Database from "better-sqlite3";

const COLUMNS =
  "id, username, password_hash AS passwordHash, email, display_name AS displayName, roles, created_at AS createdAt";

// A hash that no known password has, to verify against when there is no account.
const DUMMY_HASH =
  "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/** Opens the database, and fills it from a file with a JSON object on each line if it is empty. */
export function openAccounts(file, database) {
  const db = new Database(database);
  db.pragma("journal_mode = WAL");
  db.exec(
    `CREATE TABLE IF NOT EXISTS users (id TEXT PRIMARY KEY, username TEXT NOT NULL UNIQUE, password_hash TEXT NOT NULL,
       email TEXT, display_name TEXT, roles TEXT NOT NULL, created_at TEXT NOT NULL);
     CREATE INDEX IF NOT EXISTS users_by_age ON users (created_at, id)`,
  );
  if (db.prepare("SELECT count(*) FROM users").pluck().get() === 0) {
    const insert = db.prepare(
      "INSERT INTO users VALUES (@id, @username, @passwordHash, @email, @displayName, @roles, @createdAt)",
    );
    const lines = readFileSync(file, "utf8").trim().split("\n").map((line) => JSON.parse(line));
    db.transaction(() => {
      for (const account of lines) insert.run({ ...account, roles: JSON.stringify(account.roles) });
    })();
  }
  const byUsername = db.prepare(`SELECT ${COLUMNS} FROM users WHERE username = ?`);
  const page = db.prepare(
    `SELECT ${COLUMNS} FROM users WHERE (created_at, id) < (?, ?) ORDER BY created_at DESC, id DESC LIMIT ?`,
  );
  const withRoles = (row) => row && { ...row, roles: JSON.parse(row.roles) };
  return {
    find: (username) => withRoles(byUsername.get(username)),
    /** At most `count` accounts, the newest first, after the account with the time and the ID of `after`. */
    list: (count, after = ["~", ""]) => page.all(...after, count).map(withRoles),
    /** The account, if the password is right. The hash is computed outside the thread of JavaScript. */
    async signIn(username, password) {
      const account = byUsername.get(username);
      const isCorrect = await verify(account?.passwordHash ?? DUMMY_HASH, password);
      return isCorrect ? withRoles(account) : undefined;
    },
  };
}
