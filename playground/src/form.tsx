import { Dialog } from "@graphiql/react";
import { PortcullisError, type UserError } from "@portcullis/client";
import { type ComponentProps, type FormEvent, type ReactNode, useEffect, useId, useRef, useState } from "react";

/** The fields of the forms. */
const inputs = {
  // With "webauthn", the browser also offers passkeys.
  username: { label: "Username", autoComplete: "username webauthn" },
  email: { label: "E-mail address", autoComplete: "email", inputMode: "email" },
  code: { label: "Code", autoComplete: "one-time-code", inputMode: "numeric" },
  recoveryCode: { label: "Recovery code", autoComplete: "off" },
  password: { label: "Password", type: "password", autoComplete: "current-password" },
  newPassword: { label: "New password", type: "password", autoComplete: "new-password" },
  name: { label: "Name", autoComplete: "off", maxLength: 64 },
} as const;

export type FieldName = keyof typeof inputs;
export type Values = Partial<Record<FieldName, string>>;
export type Errors = Pick<UserError, "code" | "message" | "field">[];

interface FormProps {
  title: string;
  text: string;
  /** The text of the button. Default: the title. */
  button?: string;
  fields: FieldName[];
  optional?: FieldName | undefined;
  defaults?: Values;
  /** The username, if a password manager needs it and no field has it. */
  username?: string | undefined;
  /** Sends the fields. Returns the errors to show. */
  submit(values: Values): Promise<Errors>;
  /** Content above the fields. */
  children?: ReactNode;
  /** More buttons, beside the one that submits. */
  others?: ReactNode;
  /** Content below the buttons. */
  footer?: ReactNode;
}

/** A form of a dialog. It shows each error at its field. */
export function Form({ title, text, button = title, fields, submit, ...more }: FormProps) {
  const { busy, errors, run } = useErrors();
  const form = useRef<HTMLFormElement>(null);

  const nameOf = (error: Errors[number]) => fields.find((name) => name === fieldOf(error));
  const messageAt = (name: FieldName) => errors.find((error) => nameOf(error) === name)?.message;
  const beside = errors.filter((error) => !nameOf(error));
  useEffect(() => {
    form.current?.querySelector<HTMLInputElement>("[aria-invalid=true]")?.focus();
  }, [errors]);

  function send(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const entries = [...new FormData(event.currentTarget)].map(([name, value]) => [name, String(value)]);
    run(() => submit(Object.fromEntries(entries)));
  }

  return (
    <form className="portcullis-form" ref={form} onSubmit={send} noValidate>
      <Dialog.Title>{title}</Dialog.Title>
      <Dialog.Description>{text}</Dialog.Description>
      {more.username && <input name="username" autoComplete="username" value={more.username} readOnly hidden />}
      {more.children}
      {fields.map((name, index) => (
        <Field
          key={name}
          name={name}
          {...inputs[name]}
          required={name !== more.optional}
          defaultValue={more.defaults?.[name]}
          error={messageAt(name)}
          autoFocus={index === 0}
        />
      ))}
      <Alerts errors={beside} />
      <div>
        <button type="submit" className="graphiql-button portcullis-primary" disabled={busy}>
          {busy ? "Please wait…" : button}
        </button>
        {more.others}
      </div>
      {more.footer}
      <Dialog.Close />
    </form>
  );
}

/** Runs actions of a user, and keeps the errors of the last one. */
export function useErrors() {
  const [busy, setBusy] = useState(false);
  const [errors, setErrors] = useState<Errors>([]);
  async function run(action: () => Promise<Errors>) {
    setBusy(true);
    setErrors([]);
    setErrors(await action().catch((error: Error) => [{ code: "", message: messageOf(error), field: null }]));
    setBusy(false);
  }
  return { busy, errors, run: (action: () => Promise<Errors>) => void run(action) };
}

/** The field of an error. An error of a code names none. */
function fieldOf({ code, field }: Errors[number]) {
  const name = field?.at(-1);
  if (code === "INVALID_CODE") return name === "recoveryCode" ? name : "code";
  return name === "currentPassword" ? "password" : name;
}

function messageOf(error: Error) {
  const isAddress = ["127.0.0.1", "[::1]"].includes(location.hostname);
  if (!(error instanceof PortcullisError && error.code === "PASSKEY_UNAVAILABLE" && isAddress)) return error.message;
  const local = new URL(location.href);
  local.hostname = "localhost";
  return `Browsers use passkeys only on pages with a domain. Open ${local.href} instead.`;
}

/** Errors that belong to no field. */
export const Alerts = ({ errors }: { errors: Errors }) =>
  errors.map(({ message }) => (
    <p className="portcullis-error" role="alert" key={message}>
      {message}
    </p>
  ));

/** A button that looks like a link. */
export function Link({ go, children }: { go: () => void; children: string }) {
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
