import { useState } from "react";

import { ForgottenPassword, VerifyByCode } from "./Email";
import { Form, Password } from "./Form";
import { portcullis } from "./session";

/** The form to sign in or to create an account, and the forms to which it leads. */
export function SignIn() {
  const [way, setWay] = useState<"signIn" | "signUp" | "forgotten">("signIn");
  /** The challenge of the message that verifies the address, if the server wants that first. */
  const [challenge, setChallenge] = useState<string | null>(null);
  const isNew = way === "signUp";

  async function submit({ username = "", password = "", email }: Record<string, string>) {
    const outcome = await (isNew
      ? portcullis.register({ username, password, ...(email && { email }) })
      : portcullis.login({ username, password }));
    setChallenge(outcome.challenge);
    return outcome.errors;
  }

  if (challenge) {
    const onVerified = () => {
      setChallenge(null);
      setWay("signIn");
    };
    return <VerifyByCode challenge={challenge} onVerified={onVerified} />;
  }
  if (way === "forgotten") return <ForgottenPassword onBack={() => setWay("signIn")} />;
  const others = (
    <>
      <button type="button" onClick={() => setWay(isNew ? "signIn" : "signUp")}>
        {isNew ? "I have an account" : "Create an account instead"}
      </button>
      {!isNew && (
        <button type="button" onClick={() => setWay("forgotten")}>
          I forgot my password
        </button>
      )}
    </>
  );
  return (
    <Form
      key={way}
      title={isNew ? "Sign up" : "Sign in"}
      button={isNew ? "Sign up" : "Sign in"}
      onSubmit={submit}
      others={others}
    >
      <label>
        Username
        <input name="username" autoComplete="username" autoCapitalize="none" required />
      </label>
      {isNew && (
        <label>
          E-mail address (optional)
          <input name="email" inputMode="email" autoComplete="email" autoCapitalize="none" />
        </label>
      )}
      <Password isNew={isNew} />
    </Form>
  );
}
