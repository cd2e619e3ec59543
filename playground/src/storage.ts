import type { Storage } from "@graphiql/toolkit";

// Operations and their history contain passwords and refresh tokens, so they stay in memory. Only the
// appearance of the page survives a reload.
const persistent = ["theme", "docExplorerFlex", "editorFlex", "secondaryEditorFlex"];
const memory = new Map<string, string>();

const isPersistent = (key: string) => persistent.includes(key.replace("graphiql:", ""));

/** The storage of GraphiQL's state. */
export const storage: Storage = {
  getItem: (key) => (isPersistent(key) ? localStorage.getItem(key) : (memory.get(key) ?? null)),
  setItem: (key, value) =>
    isPersistent(key) ? localStorage.setItem(key, value) : void memory.set(key, value),
  removeItem: (key) => (isPersistent(key) ? localStorage.removeItem(key) : void memory.delete(key)),
  clear() {
    for (const key of persistent) localStorage.removeItem(`graphiql:${key}`);
    memory.clear();
  },
  get length() {
    return memory.size;
  },
};
