import { ChevronDownIcon, DropdownMenu, useSchemaStore } from "@graphiql/react";
import type { User } from "@portcullis/client";
import { useEffect, useRef, useState, useSyncExternalStore } from "react";

import { remaining, useExpiry } from "./expiry";
import { Security } from "./security";
import { currentState, session, signOut, subscribe } from "./session";
import { SignIn } from "./sign-in";
import { StepUp } from "./step-up";

/** The time after which a notice disappears. */
const NOTICE_MS = 10_000;

/** The bar at the top of the page: the signed-in user, or the button to sign in. */
export function Account() {
  const state = useSyncExternalStore(subscribe, currentState);
  const user = state.status === "signedIn" ? state.user : undefined;
  const [notice, setNotice] = useNotice(state.status);
  const introspect = useSchemaOf(user && `${user.id} ${user.roles}`);
  const bar = useFocusAfter(state.status);

  const [isAway, setIsAway] = useState(false);
  const [showsSecurity, setShowsSecurity] = useState(false);
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
      {user && <Menu user={user} openSecurity={() => setShowsSecurity(true)} signOut={leave} notify={setNotice} />}
      {user && <Security open={showsSecurity} onOpenChange={setShowsSecurity} />}
      {user && <StepUp />}
      <Name />
    </div>
  );
}

interface MenuProps {
  user: User;
  openSecurity(): void;
  signOut(): void;
  notify(notice: string): void;
}

/** The menu of the signed-in user: account, lifetime of the token, and actions. */
function Menu({ user: { id, username, roles }, openSecurity, signOut, notify }: MenuProps) {
  const left = useExpiry();
  const copy = async () => {
    const token = await session().accessToken();
    if (!token) return;
    await navigator.clipboard.writeText(token);
    notify("Copied. Anyone with this token can act as you until it expires.");
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
          <dd>{left === null ? "none" : `expires in ${remaining(left)}, then refreshed automatically`}</dd>
        </dl>
        {window.isSecureContext && (
          <DropdownMenu.Item onSelect={copied}>Copy access token</DropdownMenu.Item>
        )}
        <DropdownMenu.Item onSelect={openSecurity}>Security</DropdownMenu.Item>
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

/** A short notice. It also appears when the session ends, for any reason. */
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

/** Reloads the schema when the caller changes, because introspection may depend on the caller. */
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

/** Keeps the keyboard focus in the bar when the focused button is removed. */
function useFocusAfter(status: string) {
  const bar = useRef<HTMLDivElement>(null);
  const before = useRef(status);
  useEffect(() => {
    const changed = before.current !== "unknown" && before.current !== status;
    before.current = status;
    if (!changed) return;
    // The dialog or the menu returns the focus after it has closed.
    const later = setTimeout(() => {
      if (document.activeElement === document.body) bar.current?.querySelector("button")?.focus();
    }, 50);
    return () => clearTimeout(later);
  }, [status]);
  return bar;
}
