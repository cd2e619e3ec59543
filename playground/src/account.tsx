import { ChevronDownIcon, DropdownMenu, useSchemaStore } from "@graphiql/react";
import type { User } from "@portcullis/client";
import { useEffect, useRef, useState, useSyncExternalStore } from "react";

import { remaining, useExpiry } from "./expiry";
import { currentState, session, signOut, subscribe } from "./session";
import { SignIn } from "./sign-in";

/** How long a notice stays. */
const NOTICE_MS = 10_000;

/** At the page's top: who it is signed in as, or how to sign in. */
export function Account() {
  const state = useSyncExternalStore(subscribe, currentState);
  const user = state.status === "signedIn" ? state.user : undefined;
  const [notice, setNotice] = useNotice(state.status);
  const introspect = useSchemaOf(user && `${user.id} ${user.roles}`);
  const bar = useFocusAfter(state.status);

  const [isAway, setIsAway] = useState(false);
  const restore = async () => {
    setIsAway(await session().restore().then(() => false, () => true));
    if (isAway) await introspect();
  };
  useEffect(() => void restore(), []);
  const showsAway = isAway && state.status === "unknown";
  const leave = () => signOut().catch((error: Error) => setNotice(`Still signed in: ${error.message}`));

  return (
    <div className="portcullis-account" ref={bar}>
      <span className="portcullis-notice" role="status">
        {showsAway ? "The server cannot be reached." : notice}
      </span>
      {showsAway && (
        <button type="button" className="graphiql-button" onClick={restore}>
          Try again
        </button>
      )}
      {state.status === "signedOut" && <SignIn />}
      {user && <Menu user={user} signOut={leave} notify={setNotice} />}
      <Name />
    </div>
  );
}

interface MenuProps {
  user: User;
  signOut(): void;
  notify(notice: string): void;
}

/** Who is signed in and for how long, and what they can do about it. */
function Menu({ user: { id, username, roles }, signOut, notify }: MenuProps) {
  const left = useExpiry();
  const copy = async () => {
    const token = await session().accessToken();
    if (!token) return;
    await navigator.clipboard.writeText(token);
    notify("Copied. Whoever has it is you until it expires.");
  };
  const copied = () => copy().catch((error: Error) => notify(error.message));

  return (
    <DropdownMenu>
      <DropdownMenu.Button className="portcullis-who" aria-label={`Signed in as ${username}`}>
        <span className="portcullis-face" aria-hidden="true">
          {[...username][0]}
        </span>
        <strong>{username}</strong>
        {roles.map((role) => (
          <span className="portcullis-role" key={role}>
            {role}
          </span>
        ))}
        {left !== null && <span className="portcullis-left">{remaining(left)}</span>}
        <ChevronDownIcon aria-hidden="true" />
      </DropdownMenu.Button>
      <DropdownMenu.Content align="end" className="portcullis-menu">
        <dl role="group" aria-label="Session">
          <dt>Account</dt>
          <dd>
            <code>{id}</code>
          </dd>
          <dt>Roles</dt>
          <dd>{roles.join(", ") || "none"}</dd>
          <dt>Access token</dt>
          <dd>{left === null ? "none" : `for ${remaining(left)} more, then renewed by itself`}</dd>
        </dl>
        {window.isSecureContext && (
          <DropdownMenu.Item onSelect={copied}>Copy access token</DropdownMenu.Item>
        )}
        <DropdownMenu.Item onSelect={signOut}>Sign out</DropdownMenu.Item>
      </DropdownMenu.Content>
    </DropdownMenu>
  );
}

function Name() {
  return (
    <span className="portcullis-name">
      <svg viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth="1.4" aria-hidden="true">
        <path d="M2 15V6a6 5 0 0 1 12 0v9M5 3v12M8 2v13M11 3v12M2 7h12M2 11h12" />
      </svg>
      Portcullis
    </span>
  );
}

/** A word on what has just happened. That a session has ended is one, whoever ended it. */
function useNotice(status: string) {
  const [notice, setNotice] = useState("");
  const before = useRef(status);
  useEffect(() => {
    if (before.current === "signedIn" && status === "signedOut") setNotice("You are signed out.");
    if (status === "signedIn") setNotice("");
    before.current = status;
  }, [status]);
  useEffect(() => {
    const timer = setTimeout(() => setNotice(""), NOTICE_MS);
    return () => clearTimeout(timer);
  }, [notice]);
  return [notice, setNotice] as const;
}

/** A server may show a caller only what they may call, so the schema changes with the caller. */
function useSchemaOf(caller: string | undefined) {
  const introspect = useSchemaStore((store) => store.introspect);
  const shown = useRef(caller);
  useEffect(() => {
    if (shown.current === caller) return;
    shown.current = caller;
    void introspect();
  }, [caller, introspect]);
  return introspect;
}

/** Keeps the keyboard's focus in the bar when the button that had it is gone. */
function useFocusAfter(status: string) {
  const bar = useRef<HTMLDivElement>(null);
  const before = useRef(status);
  useEffect(() => {
    const changed = before.current !== "unknown" && before.current !== status;
    before.current = status;
    if (!changed) return;
    // The dialog or the menu gives the focus back once it has closed.
    const later = setTimeout(() => {
      if (document.activeElement === document.body) bar.current?.querySelector("button")?.focus();
    }, 50);
    return () => clearTimeout(later);
  }, [status]);
  return bar;
}
