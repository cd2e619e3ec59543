import { Dialog } from "@graphiql/react";
import type { UserError } from "@portcullis/client";
import { type ComponentProps, type FormEvent, useEffect, useId, useRef, useState } from "react";

import { signIn, type Way } from "./session";

const words = {
  login: { title: "Sign in", busy: "Signing in…", other: "Create an account instead" },
  register: { title: "Create account", busy: "Creating…", other: "Sign in instead" },
};

/** A button and its dialog, to sign in or to create an account. */
export function SignIn() {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button
        type="button"
        className="graphiql-button portcullis-primary"
        aria-haspopup="dialog"
        onClick={() => setOpen(true)}
      >
        Sign in
      </button>
      <Dialog open={open} onOpenChange={setOpen}>
        <Form />
      </Dialog>
    </>
  );
}

function Form() {
  const [way, setWay] = useState<Way>("login");
  const [busy, setBusy] = useState(false);
  const [errors, setErrors] = useState<Pick<UserError, "message" | "field">[]>([]);
  const form = useRef<HTMLFormElement>(null);
  const { title, busy: working, other } = words[way];

  const messageAt = (name: string) => errors.find(({ field }) => field?.at(-1) === name)?.message;
  const shown = [messageAt("username"), messageAt("password")];
  const beside = errors.filter(({ message }) => !shown.includes(message));
  useEffect(() => {
    form.current?.querySelector<HTMLInputElement>("[aria-invalid=true]")?.focus();
  }, [errors]);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    const input = { username: String(fields.get("username")), password: String(fields.get("password")) };
    setBusy(true);
    setErrors([]);
    try {
      setErrors((await signIn(way, input)).errors);
    } catch (error) {
      setErrors([{ message: (error as Error).message, field: null }]);
    }
    setBusy(false);
  }

  return (
    <form className="portcullis-sign-in" ref={form} onSubmit={submit} noValidate>
      <Dialog.Title>{title}</Dialog.Title>
      <Dialog.Description>The page then sends your access token automatically.</Dialog.Description>
      <Field label="Username" name="username" autoComplete="username" error={shown[0]} autoFocus />
      <Field
        label="Password"
        name="password"
        type="password"
        autoComplete={way === "login" ? "current-password" : "new-password"}
        error={shown[1]}
      />
      {beside.map(({ message }) => (
        <p className="portcullis-error" role="alert" key={message}>
          {message}
        </p>
      ))}
      <div>
        <button type="submit" className="graphiql-button portcullis-primary" disabled={busy}>
          {busy ? working : title}
        </button>
        <button
          type="button"
          className="graphiql-un-styled portcullis-link"
          onClick={() => {
            setWay(way === "login" ? "register" : "login");
            setErrors([]);
          }}
        >
          {other}
        </button>
      </div>
      <Dialog.Close />
    </form>
  );
}

/** An input with its label and its error message. */
function Field({ label, error, ...input }: ComponentProps<"input"> & { label: string; error?: string | undefined }) {
  const id = useId();
  return (
    <div>
      <label htmlFor={id}>{label}</label>
      <input
        {...input}
        id={id}
        required
        autoCapitalize="none"
        spellCheck={false}
        aria-invalid={Boolean(error)}
        aria-describedby={error && `${id}-error`}
      />
      {error && (
        <p className="portcullis-error" role="alert" id={`${id}-error`}>
          {error}
        </p>
      )}
    </div>
  );
}
