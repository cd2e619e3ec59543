import type { UserError } from "@portcullis/client";
import { type FormEvent, useState } from "react";

import { portcullis } from "./session";

/** The form to sign in or to create an account. */
export function SignIn() {
  const [isNew, setIsNew] = useState(false);
  const [errors, setErrors] = useState<Pick<UserError, "message">[]>([]);
  const [isBusy, setIsBusy] = useState(false);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const input = { username: String(form.get("username")), password: String(form.get("password")) };
    setIsBusy(true);
    try {
      const outcome = await (isNew ? portcullis.register(input) : portcullis.login(input));
      setErrors(outcome.errors);
    } catch {
      setErrors([{ message: "The server is unavailable. Try again later." }]);
    } finally {
      setIsBusy(false);
    }
  }

  function swap() {
    setIsNew(!isNew);
    setErrors([]);
  }

  return (
    <form onSubmit={submit}>
      <h1>{isNew ? "Sign up" : "Sign in"}</h1>
      <label>
        Username
        <input name="username" autoComplete="username" autoCapitalize="none" required />
      </label>
      <label>
        Password
        <input
          name="password"
          type="password"
          autoComplete={isNew ? "new-password" : "current-password"}
          required
        />
      </label>
      {errors.length > 0 && <p role="alert">{errors.map(({ message }) => message).join(" ")}</p>}
      <button type="submit" disabled={isBusy}>
        {isNew ? "Sign up" : "Sign in"}
      </button>
      <button type="button" onClick={swap}>
        {isNew ? "I have an account" : "Create an account instead"}
      </button>
    </form>
  );
}
