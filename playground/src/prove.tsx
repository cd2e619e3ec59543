import {
  type AuthenticationMethod,
  type EmailRequest,
  proofOf,
  type SecondFactor,
  type Step,
} from "@portcullis/client";
import { type ReactNode, useState } from "react";

import { Alerts, type Errors, type FieldName, Form, Link, useErrors } from "./form";

/** The forms for the ways to prove who a user is: a field to type into, or none for a passkey. */
const ways: Partial<Record<AuthenticationMethod, { link: string; text: string; field?: FieldName }>> = {
  PASSKEY: { link: "Use a passkey", text: "Your browser asks for a passkey." },
  TOTP: {
    link: "Use the authenticator app",
    text: "Enter the code of six digits that your authenticator app shows.",
    field: "code",
  },
  PASSWORD: { link: "Use the password", text: "Enter the password of your account.", field: "password" },
  EMAIL_CODE: { link: "Use a code by e-mail", text: "Enter the code in the message to you.", field: "code" },
  RECOVERY_CODE: {
    link: "Use a recovery code",
    text: "Enter one of your recovery codes, which then counts as used.",
    field: "recoveryCode",
  },
};

interface ProveFormProps<Proof> {
  title: string;
  step: Step;
  submit(proof: Proof): Promise<Errors>;
  /** Requests the message for a code by e-mail, if the server does not send it by itself. */
  requestCode?: () => Promise<EmailRequest>;
  username?: string | undefined;
  back?: ReactNode;
  /** Shown between the text and the fields. */
  children?: ReactNode;
}

/** The form with which a user proves who they are, in one of the ways that the server permits. */
export function ProveForm<Proof extends SecondFactor | { password: string }>({
  title,
  step,
  submit,
  requestCode,
  username,
  back,
  children,
}: ProveFormProps<Proof>) {
  const methods = step.methods.filter((method) => method in ways);
  const [method, setMethod] = useState(methods[0]);
  const [challenge, setChallenge] = useState(step.challenge);
  const { errors, run } = useErrors();
  const way = method && ways[method];
  if (!way) return <p className="portcullis-form">Sign out and in again to continue.</p>;
  const { link, text, field } = way;
  const others = methods.filter((other) => other !== method);
  const choose = (method: AuthenticationMethod) =>
    run(async () => {
      if (method === "EMAIL_CODE" && requestCode) {
        const request = await requestCode();
        if (request.challenge === null) return request.errors;
        setChallenge(request.challenge);
      }
      setMethod(method);
      return [];
    });
  const submitValue = async (typed: string) => submit((await proofOf(method, typed, { ...step, challenge })) as Proof);
  return (
    <Form
      key={method}
      title={title}
      text={text}
      button={field ? "Continue" : link}
      fields={field ? [field] : []}
      submit={(values) => submitValue((field && values[field]) ?? "")}
      username={username}
      others={back}
      footer={
        <>
          {others.map((other) => (
            <Link key={other} go={() => choose(other)}>
              {ways[other]?.link ?? other}
            </Link>
          ))}
          <Alerts errors={errors} />
        </>
      }
    >
      {children}
    </Form>
  );
}
