// Reads the messages that a server has written into a folder (`mail.transport = "folder"`).

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The subjects of messages. */
export const subjects = {
  verify: /^Confirm your e-mail address$/,
  reset: /^Choose a new password$/,
  signIn: /^Sign in$/,
  changed: /^Your e-mail address was changed$/,
};

/** The messages in a folder, the oldest first. */
export function readMail(folder) {
  if (!existsSync(folder)) return [];
  // The names sort by time.
  const files = readdirSync(folder).filter((name) => name.endsWith(".eml")).sort();
  return files.map((name) => parse(readFileSync(join(folder, name), "latin1")));
}

/** The link, its token, and the code in a message. The token is at the end of the link. */
export function proofsOf({ text }) {
  const [link] = /https?:\/\/\S+#\S+/.exec(text) ?? [];
  const [code] = /\b\d{8}\b|\b\d{4} \d{4}\b/.exec(text.replaceAll(/https?:\S+/g, "")) ?? [];
  return { link, code, token: link?.split(/[#=]/).at(-1) };
}

/** The recipient, the subject and the parts of a message (RFC 5322, RFC 2045). */
function parse(message) {
  const { headers, body } = split(message);
  const parts = partsOf(headers, body);
  return {
    to: addressOf(headers.to),
    subject: decodeWords(headers.subject ?? ""),
    text: parts["text/plain"] ?? "",
    html: parts["text/html"] ?? "",
  };
}

const addressOf = (header) => /<([^>]*)>/.exec(header)?.[1] ?? header;

function split(entity) {
  const [, head, body] = /^([^]*?)\r?\n\r?\n([^]*)$/.exec(entity) ?? ["", entity, ""];
  const lines = head.replaceAll(/\r?\n[ \t]+/g, " ").split(/\r?\n/);
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  return { headers, body };
}

/** The texts of an entity by their media types. */
function partsOf(headers, body) {
  const type = headers["content-type"] ?? "text/plain";
  const boundary = /boundary="?([^";]+)"?/i.exec(type)?.[1];
  if (!boundary) return { [type.split(";")[0].trim().toLowerCase()]: decode(headers, body) };
  const parts = body.split(`--${boundary}`).slice(1, -1);
  return Object.assign({}, ...parts.map((part) => {
    const { headers, body } = split(part.replace(/^\r?\n/, ""));
    return partsOf(headers, body);
  }));
}

function decode(headers, body) {
  const encoding = (headers["content-transfer-encoding"] ?? "7bit").toLowerCase();
  if (encoding === "base64") return Buffer.from(body, "base64").toString();
  if (encoding === "quoted-printable") return decodeQuoted(body.replaceAll(/=\r?\n/g, ""));
  return Buffer.from(body, "latin1").toString();
}

function decodeQuoted(text) {
  const bytes = text.replaceAll(/=([0-9A-F]{2})/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
  return Buffer.from(bytes, "latin1").toString();
}

/** A header with encoded words (RFC 2047). */
function decodeWords(header) {
  return header.replaceAll(/=\?utf-8\?([bq])\?([^?]*)\?=\s?/gi, (_, encoding, text) =>
    encoding.toLowerCase() === "b"
      ? Buffer.from(text, "base64").toString()
      : decodeQuoted(text.replaceAll("_", " ")),
  );
}
