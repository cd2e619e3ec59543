import { useState } from "react";

import { Code, Form, Password } from "./Form";
import type { Link } from "./link";
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

/** The forms for a forgotten password: the address, then the code in the message. */
export function ForgottenPassword({ onBack }: { onBack: () => void }) {
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
    return (await portcullis.resetPassword({ proof, newPassword })).errors;
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
  async function submit({ password: newPassword = "" }: Record<string, string>) {
    const proof = { token };
    const { errors } = await (flow === "verify-email"
      ? portcullis.verifyEmail({ proof })
      : portcullis.resetPassword({ proof, newPassword }));
    if (errors.length === 0) onDone();
    return errors;
  }
  const back = (
    <button type="button" onClick={onDone}>
      Not now
    </button>
  );
  if (flow === "verify-email") {
    return <Form title="Verify your address" button="Verify" onSubmit={submit} others={back} />;
  }
  return (
    <Form title="Choose a new password" button="Set password" onSubmit={submit} others={back}>
      <Password isNew />
    </Form>
  );
}
