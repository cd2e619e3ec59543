import { Action, Code, type Errors, Form } from "./Form";

interface Passkey {
  readonly id: string;
  readonly name: string;
  readonly lastUsedAt: string | null | undefined;
}

/** A passkey, and the button to delete it. */
export function PasskeyItem({ passkey, onDelete }: { passkey: Passkey; onDelete: () => Promise<Errors> }) {
  const { name, lastUsedAt } = passkey;
  return (
    <li>
      <p>
        {name}{" "}
        <small>{lastUsedAt ? `Last used ${new Date(lastUsedAt).toLocaleString()}` : "Never used"}</small>
      </p>
      <Action onAction={onDelete}>Delete</Action>
    </li>
  );
}

interface AppFormProps {
  app: { secret: string; uri: string };
  onCode: (code: string) => Promise<Errors>;
  onBack: () => void;
}

/** The form with the secret of an authenticator app. The link opens an app on the same device. */
export function AppForm({ app: { secret, uri }, onCode, onBack }: AppFormProps) {
  const back = (
    <button type="button" onClick={onBack}>
      Cancel
    </button>
  );
  return (
    <Form title="Authenticator app" button="Confirm" onSubmit={({ code = "" }) => onCode(code)} others={back}>
      <p>
        Type this key into <a href={uri}>your app</a>, and enter the code that it shows: <code>{secret}</code>
      </p>
      <Code />
    </Form>
  );
}

/** New recovery codes, which are shown this once. */
export function RecoveryCodes({ codes, onDone }: { codes: readonly string[]; onDone: () => void }) {
  return (
    <div className="notice">
      <p>Each of these codes replaces a lost factor once. Print them: they are not shown again.</p>
      <pre aria-label="Recovery codes">{codes.join("\n")}</pre>
      <button onClick={onDone}>I have printed them</button>
    </div>
  );
}
