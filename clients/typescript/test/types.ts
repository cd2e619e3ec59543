// Compiled, never run: checks which calls the types accept and reject.

import { gql } from "@apollo/client";
import { createPortcullis, type TypedDocument } from "@portcullis/client";

/** The class that GraphQL Code Generator generates with `documentMode: "string"`. */
declare class TypedDocumentString<Result, Variables> extends String {
  __apiType?: (variables: Variables) => Result;
  private value: string;
  __meta__?: Record<string, unknown>;
}

type Exact<T extends Record<string, unknown>> = { [K in keyof T]: T[K] };
interface Variables {
  id: string;
}
type Data = { node: { id: string } | null };

declare const document: TypedDocument<Data, Variables>;
declare const variables: Variables;
declare const generated: TypedDocumentString<Data, Exact<{ id: string }>>;
declare const optional: TypedDocumentString<Data, Exact<{ first?: number | null }>>;
declare const without: TypedDocumentString<Data, Exact<{ [key: string]: never }>>;

export async function typed() {
  const portcullis = createPortcullis({ url: "/graphql" });
  const { node } = await portcullis.request(document, { id: "user_1" });
  const id: string | undefined = node?.id;

  const { data } = await portcullis.execute(generated, { id: "user_1" }, { signal: AbortSignal.abort() });
  const sameId: string | undefined = data?.node?.id;
  const nodes: Data[] = [
    await portcullis.request(optional),
    await portcullis.request(optional, { first: 1 }),
    await portcullis.request(without),
    await portcullis.request(without, {}),
    await portcullis.request<Data>("query ($id: ID!) { node(id: $id) { id } }", { id: "user_1" }),
    await portcullis.request<Data>({ id: "node", isMutation: false }, { id: "user_1" }),
    await portcullis.request<Data, Variables>({ id: "node", isMutation: false }, { id: "user_1" }),
  ];
  const untyped: unknown[] = [
    await portcullis.request("{ me { username } }"),
    await portcullis.request("query ($id: ID!) { node(id: $id) { id } }", variables),
  ];

  // @ts-expect-error: the variable is a string
  await portcullis.request(document, { id: 1 });
  // @ts-expect-error: the variable is required
  await portcullis.request(document);
  // @ts-expect-error
  await portcullis.execute(generated, {});
  // @ts-expect-error: the variable does not exist
  await portcullis.request(without, { id: "user_1" });
  // @ts-expect-error: a parsed document is not text
  await portcullis.request(gql`{ me { username } }`);
  // @ts-expect-error
  await portcullis.execute(gql`{ me { username } }`);
  // @ts-expect-error: another object with a toString is not text either
  await portcullis.request({ query: "{ me { username } }" });
  // @ts-expect-error: isMutation is required
  await portcullis.request({ id: "me" });

  const { user, errors } = await portcullis.login({ username: "ada", password: "…" });
  const name: string = user ? user.username : errors[0].message;

  const { challenge, errors: refused } = await portcullis.requestPasswordReset({ email: "ada@example.com" });
  const message: string = challenge === null ? refused[0].message : challenge;
  await portcullis.resetPassword({ proof: { token: "…" }, newPassword: "…" });
  await portcullis.loginWithEmail({ proof: { code: { challenge: message, code: "12345678" } } });
  // @ts-expect-error: a code needs its challenge
  await portcullis.verifyEmail({ proof: { code: "12345678" } });

  // @ts-expect-error: cookie delivery has no storage
  createPortcullis({ url: "/graphql", delivery: "cookie", storage: { read: () => null, write: () => {} } });
  return [id, sameId, nodes, untyped, name];
}
