// Derives Hasura's session variables from the claims of a token, as documented at
// https://hasura.io/docs/2.0/auth/authentication/jwt/.

import assert from "node:assert/strict";

const NAMESPACE = "https://hasura.io/jwt/claims";

/** The session variables of a token. Throws if Hasura would reject the token. */
export function sessionVariables(claims, { claims_map: map, claims_namespace: namespace = NAMESPACE }) {
  const found = map ? mapped(claims, map) : claims[namespace];
  assert(found && typeof found === "object", `the claims have no ${namespace}`);
  const variables = Object.fromEntries(
    Object.entries(found).map(([name, value]) => [name.toLowerCase(), value]),
  );
  const { "x-hasura-allowed-roles": allowed, "x-hasura-default-role": role, ...others } = variables;
  assert(
    Array.isArray(allowed) && allowed.every((name) => typeof name === "string"),
    "allowed roles are a list of strings",
  );
  assert(typeof role === "string", "the default role is a string");
  assert(allowed.includes(role), "the default role is one of the allowed roles");
  for (const [name, value] of Object.entries(others)) {
    assert(name.startsWith("x-hasura-"), `${name} does not begin with x-hasura-`);
    assert(typeof value === "string", `${name} is a string`);
  }
  return variables;
}

function mapped(claims, map) {
  return Object.fromEntries(
    Object.entries(map).map(([name, rule]) => [name, rule.path ? at(claims, rule) : rule]),
  );
}

/** The value at a JSON path of names and indices, such as `$.roles[0]`. */
function at(claims, { path, default: otherwise }) {
  const steps = path
    .replace(/^\$\.?/, "")
    .replaceAll("[", ".")
    .replaceAll("]", "")
    .split(".");
  const found = steps.reduce((value, step) => value?.[step], claims) ?? otherwise;
  assert(found !== undefined, `nothing at ${path}`);
  return found;
}
