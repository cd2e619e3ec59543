// Compiled, never run: what the types must and must not take.

import { createPortcullis, type TypedDocument } from "@portcullis/client";

declare const document: TypedDocument<{ node: { id: string } | null }, { id: string }>;

export async function typed() {
  const portcullis = createPortcullis({ url: "/graphql" });
  const { node } = await portcullis.request(document, { id: "user_1" });
  const id: string | undefined = node?.id;

  // @ts-expect-error: the variable is a string
  await portcullis.request(document, { id: 1 });

  const { user, errors } = await portcullis.login({ username: "ada", password: "…" });
  const name: string = user ? user.username : errors[0].message;

  // @ts-expect-error: cookie delivery keeps nothing that could be stored
  createPortcullis({ url: "/graphql", delivery: "cookie", storage: { read: () => null, write: () => {} } });
  return [id, name];
}
