import type { Storage } from "@graphiql/toolkit";

// Operations and their history hold passwords and refresh tokens, so they stay in memory. What the
// page looks like is all that outlives a reload.
const lasting = ["theme", "docExplorerFlex", "editorFlex", "secondaryEditorFlex"];
const memory = new Map<string, string>();

const isLasting = (key: string) => lasting.includes(key.replace("graphiql:", ""));

/** Where GraphiQL keeps its state. */
export const storage: Storage = {
  getItem: (key) => (isLasting(key) ? localStorage.getItem(key) : (memory.get(key) ?? null)),
  setItem: (key, value) =>
    isLasting(key) ? localStorage.setItem(key, value) : void memory.set(key, value),
  removeItem: (key) => (isLasting(key) ? localStorage.removeItem(key) : void memory.delete(key)),
  clear() {
    for (const key of lasting) localStorage.removeItem(`graphiql:${key}`);
    memory.clear();
  },
  get length() {
    return memory.size;
  },
};
