/** The path of the GraphQL endpoint. It is relative to the page, because the server may run below a path. */
export const endpoint = new URL("graphql", location.href).pathname;
