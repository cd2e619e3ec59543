/** The path of the GraphQL endpoint. It is beside the page, also where the server runs below a path. */
export const endpoint = new URL("graphql", location.href).pathname;
