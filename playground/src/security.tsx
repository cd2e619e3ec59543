import { Dialog } from "@graphiql/react";
import { type ReactNode, useEffect, useState } from "react";

import {
  confirmTotp,
  createRecoveryCodes,
  deletePasskey,
  type Factors,
  loadFactors,
  type Passkey,
  removeTotp,
  renamePasskey,
  startTotp,
} from "./factors";
import { Alerts, type Errors, Form, Link, useErrors } from "./form";
import { AppSecret } from "./qr";
import { session } from "./session";

/** The views of the dialog. */
type View =
  | { name: "factors" }
  | { name: "app"; secret: string; uri: string }
  | { name: "codes"; codes: string[] }
  | { name: "passkey"; passkey?: Passkey };

/** The dialog with the second factors and passkeys of the user. */
export function Security({ open, onOpenChange }: { open: boolean; onOpenChange(open: boolean): void }) {
  return (
    <Dialog open={open} onOpenChange={onOpenChange}>
      <Views />
    </Dialog>
  );
}

function Views() {
  const [view, go] = useState<View>({ name: "factors" });
  const back = () => go({ name: "factors" });
  /** Shows new recovery codes, or the factors. */
  const settle = (codes: string[] | null | undefined) => go(codes ? { name: "codes", codes } : { name: "factors" });
  switch (view.name) {
    case "factors":
      return <Overview go={go} />;
    case "app":
      return <AppForm {...view} settle={settle} back={back} />;
    case "codes":
      return <Codes codes={view.codes} back={back} />;
    case "passkey":
      return <PasskeyForm passkey={view.passkey} settle={settle} back={back} />;
  }
}

function Overview({ go }: { go(view: View): void }) {
  const [factors, setFactors] = useState<Factors>();
  const { busy, errors, run } = useErrors();
  const load = async () => {
    setFactors(await loadFactors());
    return [];
  };
  useEffect(() => run(load), []);
  /** Runs a mutation, and shows its effect. */
  const change = (mutation: () => Promise<{ errors: Errors }>) =>
    run(async () => {
      const { errors } = await mutation();
      await load();
      return errors;
    });
  const add = () =>
    run(async () => {
      const { secret, uri, errors } = await startTotp();
      if (secret && uri) go({ name: "app", secret, uri });
      return errors;
    });
  const renew = () =>
    run(async () => {
      const { codes, errors } = await createRecoveryCodes();
      if (codes) go({ name: "codes", codes });
      return errors;
    });

  return (
    <div className="portcullis-form" aria-busy={busy}>
      <Dialog.Title>Security</Dialog.Title>
      <Dialog.Description>The ways in which you prove who you are, besides your password.</Dialog.Description>
      {factors && (
        <ul className="portcullis-factors">
          <Factor title="Authenticator app" text={factors.totp ? usage(factors.totp) : "None"}>
            <Link go={add}>{factors.totp ? "Replace app" : "Add app"}</Link>
            {factors.totp && <Link go={() => change(removeTotp)}>Remove app</Link>}
          </Factor>
          {factors.recoveryCodes && (
            <Factor
              title="Recovery codes"
              text={`${factors.recoveryCodes.remaining} of ${factors.recoveryCodes.total} left`}
            >
              <Link go={renew}>Create new codes</Link>
            </Factor>
          )}
          {factors.passkeys.nodes.map((passkey) => (
            <Factor key={passkey.id} title={passkey.name} text={`Passkey. ${usage(passkey)}`}>
              <Link go={() => go({ name: "passkey", passkey })}>Rename</Link>
              <Link go={() => change(() => deletePasskey({ id: passkey.id }))}>Delete</Link>
            </Factor>
          ))}
        </ul>
      )}
      <Alerts errors={errors} />
      <div>
        <button
          type="button"
          className="graphiql-button portcullis-primary"
          disabled={busy}
          onClick={() => go({ name: "passkey" })}
        >
          Add a passkey
        </button>
      </div>
      <Dialog.Close />
    </div>
  );
}

/** A factor, and the actions on it. */
function Factor({ title, text, children }: { title: string; text: string; children: ReactNode }) {
  return (
    <li>
      <div>
        <strong>{title}</strong>
        <p>{text}</p>
      </div>
      <div>{children}</div>
    </li>
  );
}

function usage({ createdAt, lastUsedAt }: { createdAt: string; lastUsedAt: string | null }) {
  const day = (time: string) => new Date(time).toLocaleDateString();
  return lastUsedAt ? `Last used on ${day(lastUsedAt)}` : `Added on ${day(createdAt)}, never used`;
}

interface EndProps {
  /** Shows new recovery codes, if there are any. */
  settle(codes: string[] | null | undefined): void;
  back(): void;
}

/** The form with the secret of a new authenticator app, and its first code. */
function AppForm({ secret, uri, settle, back }: EndProps & { secret: string; uri: string }) {
  return (
    <Form
      title="Add an authenticator app"
      text="Scan the QR code with the app, or type the key into it. Then enter the code that it shows."
      button="Confirm"
      fields={["code"]}
      submit={async ({ code = "" }) => {
        const { codes, errors } = await confirmTotp({ code });
        if (errors.length === 0) settle(codes);
        return errors;
      }}
      others={<Link go={back}>Cancel</Link>}
    >
      <AppSecret secret={secret} uri={uri} />
    </Form>
  );
}

/** The form to add a passkey, or to rename one. */
function PasskeyForm({ passkey, settle, back }: EndProps & { passkey?: Passkey | undefined }) {
  return (
    <Form
      title={passkey ? "Rename the passkey" : "Add a passkey"}
      text={passkey ? "A name by which you recognise it." : "Your browser asks where to store it."}
      button={passkey ? "Rename" : "Add passkey"}
      fields={["name"]}
      optional={passkey ? undefined : "name"}
      defaults={{ name: passkey?.name ?? "" }}
      submit={async ({ name = "" }) => {
        if (passkey) {
          const { errors } = await renamePasskey({ id: passkey.id, name });
          if (errors.length === 0) back();
          return errors;
        }
        const { recoveryCodes, errors } = await session().addPasskey(name ? { name } : {});
        if (errors.length === 0) settle(recoveryCodes);
        return errors;
      }}
      others={<Link go={back}>Cancel</Link>}
    />
  );
}

/** New recovery codes, which the user sees this once. */
function Codes({ codes, back }: { codes: string[]; back(): void }) {
  return (
    <div className="portcullis-form">
      <Dialog.Title>Recovery codes</Dialog.Title>
      <Dialog.Description>
        Each code replaces a lost factor once. Print them or store them safely: they are not shown again.
      </Dialog.Description>
      <ul className="portcullis-codes" aria-label="Recovery codes">
        {codes.map((code) => (
          <li key={code}>
            <code>{code}</code>
          </li>
        ))}
      </ul>
      <div>
        <button type="button" className="graphiql-button portcullis-primary" onClick={back}>
          I have stored the codes
        </button>
        {window.isSecureContext && (
          <Link go={() => void navigator.clipboard.writeText(codes.join("\n"))}>Copy</Link>
        )}
      </div>
    </div>
  );
}
