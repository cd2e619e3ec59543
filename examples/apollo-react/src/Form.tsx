import { PortcullisError, type UserError } from "@portcullis/client";
import { type FormEvent, type ReactNode, useState } from "react";

/** The errors of a form. */
export type Errors = Pick<UserError, "message">[];

interface FormProps {
  title: string;
  button: string;
  /** Sends the fields. Returns the errors to show. */
  onSubmit: (fields: Record<string, string>) => Promise<Errors>;
  children?: ReactNode;
  /** More buttons, below the one that submits. */
  others?: ReactNode;
}

/** A form that shows the errors of the server. */
export function Form({ title, button, onSubmit, children, others }: FormProps) {
  const [errors, setErrors] = useState<Errors>([]);
  const [isBusy, setIsBusy] = useState(false);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const entries = [...new FormData(event.currentTarget)];
    setIsBusy(true);
    try {
      setErrors(await onSubmit(Object.fromEntries(entries.map(([name, value]) => [name, String(value)]))));
    } catch (error) {
      const isOther = error instanceof PortcullisError && !error.isServerUnavailable;
      setErrors([{ message: isOther ? error.message : "The server is unavailable. Try again later." }]);
    } finally {
      setIsBusy(false);
    }
  }

  return (
    <form onSubmit={submit}>
      <h1>{title}</h1>
      {children}
      {errors.length > 0 && <p role="alert">{errors.map(({ message }) => message).join(" ")}</p>}
      <button type="submit" disabled={isBusy}>
        {button}
      </button>
      {others}
    </form>
  );
}

/** A field for a password that the user has, or for a new one. */
export function Password({ isNew }: { isNew: boolean }) {
  return (
    <label>
      {isNew ? "New password" : "Password"}
      <input name="password" type="password" autoComplete={isNew ? "new-password" : "current-password"} required />
    </label>
  );
}

/** A field for the code in a message. */
export function Code() {
  return (
    <label>
      Code
      <input name="code" inputMode="numeric" autoComplete="one-time-code" required />
    </label>
  );
}
