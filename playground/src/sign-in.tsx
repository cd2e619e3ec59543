import { Dialog } from "@graphiql/react";
import type { Enrolment, Outcome, SecondFactor, Step } from "@portcullis/client";
import { useEffect, useState } from "react";

import { Alerts, type Errors, type FieldName, Form, Link, useErrors, type Values } from "./form";
import { ProveForm } from "./prove";
import { AppSecret } from "./qr";
import {
  requestPasswordReset,
  requestSecondFactorEmail,
  resetPassword,
  signIn,
  signInWithPasskey,
  verifyEmail,
  verifySecondFactor,
} from "./session";

/** The forms of the dialog. Each leads to the others. */
type Way = "login" | "register" | "forgotten" | "reset" | "verify";

const forms: Record<Way, { title: string; text: string; fields: FieldName[] }> = {
  login: {
    title: "Sign in",
    text: "The page then sends your access token automatically.",
    fields: ["username", "password"],
  },
  register: {
    title: "Create account",
    text: "The page then sends your access token automatically.",
    fields: ["username", "email", "password"],
  },
  forgotten: {
    title: "Send message",
    text: "Enter the e-mail address of your account. You receive a link and a code to set a new password.",
    fields: ["email"],
  },
  reset: {
    title: "Set password",
    text: "If an account has this address, a message is on its way. Open its link, or enter its code here.",
    fields: ["code", "newPassword"],
  },
  verify: {
    title: "Verify address",
    text: "A message is on its way to you. Open its link, or enter its code here. Then sign in.",
    fields: ["code"],
  },
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
        <Forms />
      </Dialog>
    </>
  );
}

function Forms() {
  const [way, setWay] = useState<Way>("login");
  const [challenge, setChallenge] = useState("");
  const [step, setStep] = useState<Step>();

  useEffect(() => {
    if (way !== "login" || step) return;
    const ended = new AbortController();
    // Autofill is an offer. The form works without it, so its errors are not shown.
    signInWithPasskey({ mediation: "conditional", signal: ended.signal }).catch(() => {});
    return () => ended.abort();
  }, [way, step]);

  function go(way: Way, challenge = "") {
    setWay(way);
    setChallenge(challenge);
    setStep(undefined);
  }

  /** Shows the form for the second factor if one is missing. Returns the errors of the outcome otherwise. */
  function settle(outcome: Outcome): Errors {
    if (outcome.errors[0]?.code !== "SECOND_FACTOR_REQUIRED") return outcome.errors;
    setStep(outcome);
    return [];
  }

  /** Sends the form. Returns its errors, or shows the next form. */
  async function submit({ username = "", password = "", newPassword = "", email = "", code = "" }: Values) {
    const proof = { code: { challenge, code } };
    switch (way) {
      case "login":
      case "register": {
        const outcome = await signIn(way, { username, password, ...(email && { email }) });
        if (outcome.errors[0]?.code !== "EMAIL_NOT_VERIFIED" || !outcome.challenge) return settle(outcome);
        go("verify", outcome.challenge);
        return [];
      }
      case "forgotten": {
        const request = await requestPasswordReset(email);
        if (request.challenge !== null) go("reset", request.challenge);
        return request.errors;
      }
      case "reset":
        return settle(await resetPassword(proof, newPassword));
      case "verify": {
        const { errors } = await verifyEmail(proof);
        if (errors.length === 0) go("login");
        return errors;
      }
    }
  }

  if (step) {
    const verify = async (factor: SecondFactor) =>
      (await verifySecondFactor({ challenge: step.challenge ?? "", factor })).errors;
    const requestCode = () => requestSecondFactorEmail(step.challenge ?? "");
    const back = <Link go={() => go("login")}>Start again</Link>;
    return (
      <ProveForm title="Second factor" step={step} submit={verify} requestCode={requestCode} back={back}>
        {step.enrolment && <NewApp {...step.enrolment} />}
      </ProveForm>
    );
  }
  const others =
    way === "login" ? (
      <>
        <Link go={() => go("register")}>Create an account instead</Link>
        <Link go={() => go("forgotten")}>Forgotten password</Link>
      </>
    ) : (
      <Link go={() => go("login")}>Sign in instead</Link>
    );
  return (
    <Form
      key={way}
      {...forms[way]}
      optional={way === "register" ? "email" : undefined}
      submit={submit}
      others={others}
      footer={way === "login" && <PasskeyButton />}
    />
  );
}

/** The authenticator app that a user must add to sign in. */
function NewApp({ secret, uri }: Enrolment) {
  return (
    <>
      <p>
        Your account must have a second factor. Scan the QR code with an authenticator app, or type the key into it. When
        you are signed in, open Security to create recovery codes.
      </p>
      <AppSecret secret={secret} uri={uri} />
    </>
  );
}

/** A button to sign in with a passkey, in a dialog of the browser. */
function PasskeyButton() {
  const { busy, errors, run } = useErrors();
  return (
    <>
      <Alerts errors={errors} />
      <button
        type="button"
        className="graphiql-button"
        disabled={busy}
        onClick={() => run(async () => (await signInWithPasskey()).errors)}
      >
        Sign in with a passkey
      </button>
    </>
  );
}
