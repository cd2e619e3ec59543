import type { Outcome, Step } from "@portcullis/client";
import { useState } from "react";

import { Code, type Errors, Form, Password } from "./Form";
import type { Link } from "./link";
import { SecondStep } from "./Prove";
import { portcullis } from "./session";

/** The form for a user who must verify the address before they can sign in. The link in the message does the same. */
export function VerifyByCode({ challenge, onVerified }: { challenge: string; onVerified: () => void }) {
  async function submit({ code = "" }: Record<string, string>) {
    const { errors } = await portcullis.verifyEmail({ proof: { code: { challenge, code } } });
    if (errors.length === 0) onVerified();
    return errors;
  }
  return (
    <Form title="Verify your address" button="Verify" onSubmit={submit}>
      <p>A message is on its way to you. Open its link, or enter its code here. Then sign in.</p>
      <Code />
    </Form>
  );
}

interface ForgottenPasswordProps {
  /** Gets the outcome of the sign-in with the new password. Returns the errors to show. */
  onOutcome: (outcome: Outcome) => Errors;
  onBack: () => void;
}

/** The forms for a forgotten password: the address, then the code in the message. */
export function ForgottenPassword({ onOutcome, onBack }: ForgottenPasswordProps) {
  const [challenge, setChallenge] = useState<string | null>(null);
  const back = (
    <button type="button" onClick={onBack}>
      Sign in instead
    </button>
  );

  async function request({ email = "" }: Record<string, string>) {
    const { challenge, errors } = await portcullis.requestPasswordReset({ email });
    setChallenge(challenge);
    return errors;
  }
  async function reset({ code = "", password: newPassword = "" }: Record<string, string>) {
    const proof = { code: { challenge: challenge ?? "", code } };
    return onOutcome(await portcullis.resetPassword({ proof, newPassword }));
  }

  if (challenge === null) {
    return (
      <Form key="request" title="Forgotten password" button="Send message" onSubmit={request} others={back}>
        <label>
          E-mail address
          <input name="email" inputMode="email" autoComplete="username" autoCapitalize="none" required />
        </label>
      </Form>
    );
  }
  return (
    <Form key="reset" title="Look into your mailbox" button="Set password" onSubmit={reset} others={back}>
      <p>If an account has this address, a message is on its way. Open its link, or enter its code here.</p>
      <Code />
      <Password isNew />
    </Form>
  );
}

/**
 * The page for a link that was opened. It sends the token only when the user presses the button, because scanners of mail
 * open links and run scripts.
 */
export function OpenedLink({ link: { flow, token }, onDone }: { link: Link; onDone: () => void }) {
  const [step, setStep] = useState<Step | null>(null);
  const proof = { token };
  async function verify() {
    const { errors } = await portcullis.verifyEmail({ proof });
    if (errors.length === 0) onDone();
    return errors;
  }
  async function reset({ password: newPassword = "" }: Record<string, string>) {
    const outcome = await portcullis.resetPassword({ proof, newPassword });
    if (outcome.user) onDone();
    if (outcome.errors[0]?.code === "SECOND_FACTOR_REQUIRED") setStep(outcome);
    return outcome.errors;
  }
  if (step) return <SecondStep step={step} onDone={onDone} onBack={onDone} />;
  const back = (
    <button type="button" onClick={onDone}>
      Not now
    </button>
  );
  if (flow === "verify-email") {
    return <Form title="Verify your address" button="Verify" onSubmit={verify} others={back} />;
  }
  return (
    <Form title="Choose a new password" button="Set password" onSubmit={reset} others={back}>
      <Password isNew />
    </Form>
  );
}
