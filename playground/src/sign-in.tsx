import { Dialog } from "@graphiql/react";
import type { UserError } from "@portcullis/client";
import { type ComponentProps, type FormEvent, useEffect, useId, useRef, useState } from "react";

import { requestPasswordReset, resetPassword, signIn, verifyEmail } from "./session";

/** The forms of the dialog. Each leads to the others. */
type Way = "login" | "register" | "forgotten" | "reset" | "verify";

const words: Record<Way, { title: string; busy: string; text: string }> = {
  login: { title: "Sign in", busy: "Signing in…", text: "The page then sends your access token automatically." },
  register: {
    title: "Create account",
    busy: "Creating…",
    text: "The page then sends your access token automatically.",
  },
  forgotten: {
    title: "Send message",
    busy: "Sending…",
    text: "Enter the e-mail address of your account. You receive a link and a code to set a new password.",
  },
  reset: {
    title: "Set password",
    busy: "Setting…",
    text: "If an account has this address, a message is on its way. Open its link, or enter its code here.",
  },
  verify: {
    title: "Verify address",
    busy: "Verifying…",
    text: "A message is on its way to you. Open its link, or enter its code here. Then sign in.",
  },
};

const fields = {
  username: { label: "Username", autoComplete: "username" },
  email: { label: "E-mail address", autoComplete: "email", inputMode: "email" },
  code: { label: "Code", autoComplete: "one-time-code", inputMode: "numeric" },
  password: { label: "Password", type: "password", autoComplete: "current-password" },
  newPassword: { label: "New password", type: "password", autoComplete: "new-password" },
} as const;

type Values = Partial<Record<keyof typeof fields, string>>;

const fieldsOf: Record<Way, (keyof typeof fields)[]> = {
  login: ["username", "password"],
  register: ["username", "email", "password"],
  forgotten: ["email"],
  reset: ["code", "newPassword"],
  verify: ["code"],
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
  const [challenge, setChallenge] = useState("");
  const [busy, setBusy] = useState(false);
  const [errors, setErrors] = useState<Pick<UserError, "code" | "message" | "field">[]>([]);
  const form = useRef<HTMLFormElement>(null);
  const { title, busy: working, text } = words[way];

  // An error of a code has no field.
  const nameOf = ({ code, field }: (typeof errors)[number]) => (code === "INVALID_CODE" ? "code" : field?.at(-1));
  const messageAt = (name: string) => errors.find((error) => nameOf(error) === name)?.message;
  const beside = errors.filter((error) => !fieldsOf[way].some((name) => name === nameOf(error)));
  useEffect(() => {
    form.current?.querySelector<HTMLInputElement>("[aria-invalid=true]")?.focus();
  }, [errors]);

  function go(way: Way, challenge = "") {
    setWay(way);
    setChallenge(challenge);
    setErrors([]);
  }

  /** Sends the form. Returns its errors, or shows the next form. */
  async function send({ username = "", password = "", newPassword = "", email = "", code = "" }: Values) {
    const proof = { code: { challenge, code } };
    switch (way) {
      case "login":
      case "register": {
        const outcome = await signIn(way, { username, password, ...(email && { email }) });
        if (!outcome.challenge) return outcome.errors;
        go("verify", outcome.challenge);
        break;
      }
      case "forgotten": {
        const request = await requestPasswordReset(email);
        if (request.challenge === null) return request.errors;
        go("reset", request.challenge);
        break;
      }
      case "reset":
        return (await resetPassword(proof, newPassword)).errors;
      case "verify": {
        const { errors } = await verifyEmail(proof);
        if (errors.length > 0) return errors;
        go("login");
      }
    }
    return [];
  }

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const entries = [...new FormData(event.currentTarget)].map(([name, value]) => [name, String(value)]);
    setBusy(true);
    setErrors([]);
    try {
      setErrors(await send(Object.fromEntries(entries)));
    } catch (error) {
      setErrors([{ code: "", message: (error as Error).message, field: null }]);
    }
    setBusy(false);
  }

  return (
    <form className="portcullis-sign-in" ref={form} onSubmit={submit} noValidate>
      <Dialog.Title>{title}</Dialog.Title>
      <Dialog.Description>{text}</Dialog.Description>
      {fieldsOf[way].map((name, index) => (
        <Field
          key={`${way} ${name}`}
          name={name}
          {...fields[name]}
          required={!(way === "register" && name === "email")}
          error={messageAt(name)}
          autoFocus={index === 0}
        />
      ))}
      {beside.map(({ message }) => (
        <p className="portcullis-error" role="alert" key={message}>
          {message}
        </p>
      ))}
      <div>
        <button type="submit" className="graphiql-button portcullis-primary" disabled={busy}>
          {busy ? working : title}
        </button>
        {way === "login" && <Other go={() => go("register")}>Create an account instead</Other>}
        {way === "login" && <Other go={() => go("forgotten")}>Forgotten password</Other>}
        {way !== "login" && <Other go={() => go("login")}>Sign in instead</Other>}
      </div>
      <Dialog.Close />
    </form>
  );
}

/** A button to another form. */
function Other({ go, children }: { go: () => void; children: string }) {
  return (
    <button type="button" className="graphiql-un-styled portcullis-link" onClick={go}>
      {children}
    </button>
  );
}

/** An input with its label and its error message. */
function Field({ label, error, ...input }: ComponentProps<"input"> & { label: string; error?: string | undefined }) {
  const id = useId();
  return (
    <div>
      <label htmlFor={id}>
        {label}
        {input.required === false && " (optional)"}
      </label>
      <input
        {...input}
        id={id}
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
