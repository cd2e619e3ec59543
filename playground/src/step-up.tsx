import { Dialog } from "@graphiql/react";
import type { SecondFactor, Step } from "@portcullis/client";
import { useEffect, useState, useSyncExternalStore } from "react";

import { type Errors, Link } from "./form";
import { ProveForm } from "./prove";
import { session, stepUp } from "./session";

/** The dialog in which a user authenticates again, because an operation needs a recent login. */
export function StepUp() {
  const isOpen = useSyncExternalStore(stepUp.onChange, () => stepUp.isOpen);
  return (
    <Dialog open={isOpen} onOpenChange={() => stepUp.finish(false)}>
      <Proof />
    </Dialog>
  );
}

function Proof() {
  const [step, setStep] = useState<Step>();
  const [problem, setProblem] = useState("");
  useEffect(() => {
    session()
      .startReauthentication()
      .then(setStep)
      .catch((error: Error) => setProblem(error.message));
  }, []);

  async function submit(proof: SecondFactor | { password: string }): Promise<Errors> {
    const { errors } = await session().reauthenticate({ proof, challenge: step?.challenge ?? null });
    if (errors.length === 0) stepUp.finish(true);
    return errors;
  }

  if (!step) {
    return (
      <div className="portcullis-form">
        <Dialog.Title>Authenticate again</Dialog.Title>
        <Dialog.Description>{problem || "Please wait…"}</Dialog.Description>
        <Dialog.Close />
      </div>
    );
  }
  const back = <Link go={() => stepUp.finish(false)}>Cancel</Link>;
  const { state } = session();
  const username = state.status === "signedIn" ? state.user.username : undefined;
  return <ProveForm title="Authenticate again" step={step} submit={submit} username={username} back={back} />;
}
