import { type AuthenticationMethod, proofOf, type SecondFactor, type Step } from "@portcullis/client";
import { type ReactNode, useState } from "react";

import { type Errors, type FieldName, Form, Link } from "./form";

/** The forms for the ways to prove who a user is: a field to type into, or none for a passkey. */
const ways: Partial<Record<AuthenticationMethod, { link: string; text: string; field?: FieldName }>> = {
  PASSKEY: { link: "Use a passkey", text: "Your browser asks for a passkey." },
  TOTP: {
    link: "Use the authenticator app",
    text: "Enter the code of six digits that your authenticator app shows.",
    field: "code",
  },
  PASSWORD: { link: "Use the password", text: "Enter the password of your account.", field: "password" },
  EMAIL_CODE: { link: "Use a code by e-mail", text: "Enter the code in the message that was sent to you.", field: "code" },
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
  username?: string | undefined;
  back?: ReactNode;
}

/** The form with which a user proves who they are, in one of the ways that the server permits. */
export function ProveForm<Proof extends SecondFactor | { password: string }>({
  title,
  step,
  submit,
  username,
  back,
}: ProveFormProps<Proof>) {
  const methods = step.methods.filter((method) => method in ways);
  const [method, setMethod] = useState(methods[0]);
  const way = method && ways[method];
  if (!way) return <p className="portcullis-form">Sign out and in again to continue.</p>;
  const { link, text, field } = way;
  const others = methods.filter((other) => other !== method);
  return (
    <Form
      key={method}
      title={title}
      text={text}
      button={field ? "Continue" : link}
      fields={field ? [field] : []}
      submit={async (values) => submit((await proofOf(method, (field && values[field]) ?? "", step)) as Proof)}
      username={username}
      others={back}
      footer={others.map((other) => (
        <Link key={other} go={() => setMethod(other)}>
          {ways[other]?.link ?? other}
        </Link>
      ))}
    />
  );
}
