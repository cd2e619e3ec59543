let accessToken: string | null = null;
let renewal: Promise<boolean> | null = null;

export const bearer = () => accessToken;

export async function request(query: string, variables?: object, signal?: AbortSignal) {
  const response = await fetch("/graphql", {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(accessToken && { authorization: `Bearer ${accessToken}` }),
    },
    body: JSON.stringify({ query, variables }),
    ...(signal && { signal }),
  });
  return response.json();
}

export async function signIn(username: string, password: string) {
  const { data, errors } = await request(
    "mutation ($input: LoginInput!) { login(input: $input) { accessToken errors { code message } } }",
    { input: { username, password, delivery: "COOKIE" } },
  );
  if (!data) throw new Error(errors[0].message); // unavailable: try again later
  accessToken = data.login.accessToken;
  return data.login.errors; // empty: signed in
}

export async function signOut() {
  const { data, errors } = await request("mutation { logout { errors { code } } }");
  if (!data) throw new Error(errors[0].message); // still signed in: try again later
  accessToken = null;
}

// All callers with the same expired token share one refresh. A caller whose token was already replaced needs none.
export function refresh(stale: string | null = accessToken) {
  if (stale !== accessToken) return Promise.resolve(accessToken !== null);
  return (renewal ??= renew().finally(() => (renewal = null)));
}

// For cookie delivery; otherwise pass the newest refreshToken as input. If the response is lost, the refresh is
// repeated once, within 10 s (tokens.refresh_grace): the server treats a later repetition as theft.
async function renew() {
  const attempt = (timeout: number) =>
    request("mutation { refresh { accessToken errors { code message } } }", {}, AbortSignal.timeout(timeout));
  const { data, errors } = await attempt(5_000).catch(() => attempt(4_000));
  const error = errors?.[0] ?? data.refresh.errors[0];
  if (error && error.code !== "INVALID_REFRESH_TOKEN") throw new Error(error.message); // try again later
  accessToken = data.refresh.accessToken; // null: sign in again
  return accessToken !== null;
}
