import {
  type AuthenticationMethod,
  type EmailRequest,
  proofOf,
  type SecondFactor,
  type Step,
} from "@portcullis/client";
import { type ReactNode, useEffect, useState } from "react";

import { Action, Code, type Errors, Form, Password } from "./Form";
import { portcullis, stepUp } from "./session";

/** The ways to prove who a user is: a button to choose it, and a field to type into. */
const ways: Partial<Record<AuthenticationMethod, { button: string; field?: ReactNode }>> = {
  PASSKEY: { button: "Use a passkey" },
  TOTP: { button: "Use the authenticator app", field: <Code /> },
  PASSWORD: { button: "Use the password", field: <Password isNew={false} /> },
  EMAIL_CODE: { button: "Use the code in a message", field: <Code /> },
  RECOVERY_CODE: {
    button: "Use a recovery code",
    field: (
      <label>
        Recovery code
        <input name="code" autoComplete="off" required />
      </label>
    ),
  },
};

interface ProveProps<Proof> {
  title: string;
  step: Step;
  onProof: (proof: Proof) => Promise<Errors>;
  /** Requests the message for a code by e-mail, if the server does not send it by itself. */
  requestCode?: () => Promise<EmailRequest>;
  onBack: () => void;
}

/** The form in which a user proves who they are, in one of the ways that the server permits. */
function Prove<Proof extends SecondFactor | { password: string }>(props: ProveProps<Proof>) {
  const { title, step, onProof, requestCode, onBack } = props;
  const [method, setMethod] = useState(step.methods.find((method) => method in ways));
  const [challenge, setChallenge] = useState(step.challenge);
  const way = method && ways[method];
  if (!way) return <p role="alert">Sign out and in again to continue.</p>;

  async function submit({ code = "", password = code }: Record<string, string>) {
    return onProof((await proofOf(method!, password, { ...step, challenge })) as Proof);
  }
  async function choose(other: AuthenticationMethod) {
    if (other === "EMAIL_CODE" && requestCode) {
      const request = await requestCode();
      if (request.challenge === null) return request.errors;
      setChallenge(request.challenge);
    }
    setMethod(other);
    return [];
  }
  const others = (
    <>
      {step.methods.map((other) => {
        const button = other !== method && ways[other]?.button;
        return (
          button && (
            <Action key={other} onAction={() => choose(other)}>
              {button}
            </Action>
          )
        );
      })}
      <button type="button" onClick={onBack}>
        Cancel
      </button>
    </>
  );
  return (
    <Form key={method} title={title} button={way.field ? "Continue" : way.button} onSubmit={submit} others={others}>
      {step.enrolment && (
        <p>
          Your account must have a second factor. Add this key to an authenticator app:{" "}
          <code>{step.enrolment.secret}</code>
        </p>
      )}
      {way.field}
    </Form>
  );
}

/** The second step of a sign-in. */
export function SecondStep({ step, onDone, onBack }: { step: Step; onDone?: () => void; onBack: () => void }) {
  const challenge = step.challenge ?? "";
  async function verify(factor: SecondFactor) {
    const { errors } = await portcullis.verifySecondFactor({ challenge, factor });
    if (errors.length === 0) onDone?.();
    return errors;
  }
  const requestCode = () => portcullis.requestSecondFactorEmail({ challenge });
  return <Prove title="Second factor" step={step} onProof={verify} requestCode={requestCode} onBack={onBack} />;
}

/** The form of a user who must authenticate again. The operations that need it wait, and are then repeated. */
export function StepUp() {
  const [step, setStep] = useState<Step>();
  const cancel = () => stepUp.finish(false);
  useEffect(() => {
    portcullis.startReauthentication().then(setStep, cancel);
  }, []);

  async function reauthenticate(proof: SecondFactor | { password: string }) {
    const { errors } = await portcullis.reauthenticate({ proof, challenge: step?.challenge ?? null });
    if (errors.length === 0) stepUp.finish(true);
    return errors;
  }
  if (!step) return null;
  return <Prove title="Authenticate again" step={step} onProof={reauthenticate} onBack={cancel} />;
}
