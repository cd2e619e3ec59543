import { PortcullisError, type UserError } from "@portcullis/client";
import { type FormEvent, type ReactNode, useState } from "react";

/** The errors of a form. */
export type Errors = readonly Pick<UserError, "message">[];

interface FormProps {
  title: string;
  button: string;
  /** Sends the fields. Returns the errors to show. */
  onSubmit: (fields: Record<string, string>) => Promise<Errors>;
  children?: ReactNode;
  /** More buttons, below the one that submits. */
  others?: ReactNode;
}

/** Runs what a user has asked for, and keeps its errors. */
function useErrors() {
  const [errors, setErrors] = useState<Errors>([]);
  const [isBusy, setIsBusy] = useState(false);

  async function run(action: () => Promise<Errors>) {
    setIsBusy(true);
    try {
      setErrors(await action());
    } catch (error) {
      const isOther = !(error instanceof PortcullisError && error.isServerUnavailable);
      setErrors([{ message: isOther ? (error as Error).message : "The server is unavailable. Try again later." }]);
    } finally {
      setIsBusy(false);
    }
  }
  const alert = errors.length > 0 && <p role="alert">{errors.map(({ message }) => message).join(" ")}</p>;
  return { alert, isBusy, run };
}

/** A form that shows the errors of the server. */
export function Form({ title, button, onSubmit, children, others }: FormProps) {
  const { alert, isBusy, run } = useErrors();

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const entries = [...new FormData(event.currentTarget)];
    void run(() => onSubmit(Object.fromEntries(entries.map(([name, value]) => [name, String(value)]))));
  }

  return (
    <form onSubmit={submit}>
      <h1>{title}</h1>
      {children}
      {alert}
      <button type="submit" disabled={isBusy}>
        {button}
      </button>
      {others}
    </form>
  );
}

/** A button that shows the errors of its action. */
export function Action({ onAction, children }: { onAction: () => Promise<Errors>; children: ReactNode }) {
  const { alert, isBusy, run } = useErrors();
  return (
    <>
      <button type="button" disabled={isBusy} onClick={() => void run(onAction)}>
        {children}
      </button>
      {alert}
    </>
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
