import type { Outcome, Step } from "@portcullis/client";
import { useEffect, useState } from "react";

import { ForgottenPassword, VerifyByCode } from "./Email";
import { Action, Form, Password } from "./Form";
import { SecondStep } from "./Prove";
import { portcullis } from "./session";

/** The form to sign in or to create an account, and the forms to which it leads. */
export function SignIn() {
  const [way, setWay] = useState<"signIn" | "signUp" | "forgotten">("signIn");
  /** The challenge of the message that verifies the address, if the server wants that first. */
  const [challenge, setChallenge] = useState<string | null>(null);
  const [step, setStep] = useState<Step | null>(null);
  const isNew = way === "signUp";
  const isForm = challenge === null && step === null;

  useEffect(() => {
    if (!isForm || way !== "signIn") return;
    // The browser offers passkeys in the field of the username. Without them, the form works as well.
    const ended = new AbortController();
    portcullis.loginWithPasskey({ mediation: "conditional", signal: ended.signal }).catch(() => {});
    return () => ended.abort();
  }, [isForm, way]);

  /** Shows the next form, or returns the errors of this one. */
  function settle(outcome: Outcome) {
    const code = outcome.errors[0]?.code;
    if (code === "SECOND_FACTOR_REQUIRED") setStep(outcome);
    if (code === "EMAIL_NOT_VERIFIED") setChallenge(outcome.challenge);
    return outcome.errors;
  }

  async function submit({ username = "", password = "", email }: Record<string, string>) {
    const outcome = await (isNew
      ? portcullis.register({ username, password, ...(email && { email }) })
      : portcullis.login({ username, password }));
    return settle(outcome);
  }

  if (step) return <SecondStep step={step} onBack={() => setStep(null)} />;
  if (challenge) {
    const onVerified = () => {
      setChallenge(null);
      setWay("signIn");
    };
    return <VerifyByCode challenge={challenge} onVerified={onVerified} />;
  }
  if (way === "forgotten") return <ForgottenPassword onOutcome={settle} onBack={() => setWay("signIn")} />;
  const others = (
    <>
      <button type="button" onClick={() => setWay(isNew ? "signIn" : "signUp")}>
        {isNew ? "I have an account" : "Create an account instead"}
      </button>
      {!isNew && (
        <>
          <button type="button" onClick={() => setWay("forgotten")}>
            I forgot my password
          </button>
          <Action onAction={async () => (await portcullis.loginWithPasskey()).errors}>Use a passkey</Action>
        </>
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
        <input name="username" autoComplete="username webauthn" autoCapitalize="none" required />
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
