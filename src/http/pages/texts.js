// The texts of the pages in each language. `duration` is a time such as "5 minutes".

const en = {
  "verify-email": {
    title: "Verify your address",
    text: "Press the button to confirm that this e-mail address is yours.",
    button: "Verify address",
    done: "Your address is verified",
    doneText: "You can close this page.",
    again: "Ask for another message where you gave your address.",
  },
  "reset-password": {
    title: "Choose a new password",
    text: "Your account is signed out everywhere else.",
    button: "Set password",
    done: "Your password is changed",
    again: "Ask for another message.",
  },
  "sign-in": {
    title: "Sign in",
    text: "Press the button to sign in, in this browser. If you did not ask for the message, close this page.",
    button: "Sign in",
    done: "You are signed in",
    doneText: "You can close this page.",
    again: "Ask for another message where you want to sign in.",
  },
  invitation: {
    title: "Accept your invitation",
    text: "Choose a password for your account.",
    button: "Create account",
    done: "Your account is ready",
    again: "Ask the person who invited you for another invitation.",
  },
  "undo-email-change": {
    title: "Undo the change of your address",
    text: "Press the button to restore your previous e-mail address. Your account is signed out everywhere.",
    button: "Restore my address",
    done: "Your previous address is restored",
    doneText: "Your account is signed out everywhere. Set a new password now, because somebody may know the old one.",
    again: "If your account is in danger, ask an administrator for help.",
  },
  "forgot-password": {
    title: "Forgotten password",
    text: "Enter the e-mail address of your account. You receive a message to choose a new password.",
    button: "Send message",
    done: "Your password is changed",
  },
  sent: {
    title: "Look into your mailbox",
    text: "If an account has this address, a message is on its way. Open its link, or enter its code here.",
    button: "Set password",
    other: "Send another message",
  },
  email: "E-mail address",
  code: "Code",
  codeHint: "The 8 digits in the message.",
  username: "Username (optional)",
  usernameHint: "Leave this empty to keep the name that was chosen for you.",
  password: "New password",
  passwordHint: ({ minLength, maxLength }) =>
    `${minLength} to ${maxLength} characters, and not easy to guess. Several uncommon words work well.`,
  showPassword: "Show password",
  signedIn: "You are signed in. You can close this page.",
  signedInHere: "You are signed in.",
  signInNow: "Sign in with your new password.",
  continue: (host) => `Continue to ${host}`,
  forgotten: "Set a new password",
  errorTitle: "Error: ",
  used: "This link is no longer valid",
  usedText: "It has expired, was already used, or a newer message has replaced it.",
  missing: "Open the link in the message",
  missingText: "This page needs the whole link. If you have reloaded the page, open the link once more.",
  wrongCode: "The code is wrong or has expired. Use the code in the newest message.",
  tooManyCodes: "This code can no longer be used. Ask for another message.",
  offline: "There is no connection to the server. Check your network, and try again.",
  unavailable: "The server is temporarily unavailable. Try again later.",
  rateLimited: (duration) => `Too many attempts. Try again in ${duration}.`,
  noCookies: "This server does not sign in on this page. Enter the code in the message where you want to sign in.",
  // The messages of the server are English already, and name what is wrong with a password.
  codes: {},
};

const de = {
  "verify-email": {
    title: "Adresse bestätigen",
    text: "Bestätigen Sie mit dem Knopf, dass diese E-Mail-Adresse Ihnen gehört.",
    button: "Adresse bestätigen",
    done: "Ihre Adresse ist bestätigt",
    doneText: "Sie können diese Seite schließen.",
    again: "Fordern Sie dort, wo Sie Ihre Adresse angegeben haben, eine neue Nachricht an.",
  },
  "reset-password": {
    title: "Neues Passwort wählen",
    text: "Ihr Konto wird überall sonst abgemeldet.",
    button: "Passwort speichern",
    done: "Ihr Passwort ist geändert",
    again: "Fordern Sie eine neue Nachricht an.",
  },
  "sign-in": {
    title: "Anmelden",
    text: "Mit dem Knopf melden Sie sich in diesem Browser an. Wenn Sie keine Nachricht angefordert haben, schließen Sie diese Seite.",
    button: "Anmelden",
    done: "Sie sind angemeldet",
    doneText: "Sie können diese Seite schließen.",
    again: "Fordern Sie dort, wo Sie sich anmelden möchten, eine neue Nachricht an.",
  },
  invitation: {
    title: "Einladung annehmen",
    text: "Wählen Sie ein Passwort für Ihr Konto.",
    button: "Konto anlegen",
    done: "Ihr Konto ist bereit",
    again: "Bitten Sie die Person, die Sie eingeladen hat, um eine neue Einladung.",
  },
  "undo-email-change": {
    title: "Änderung der Adresse rückgängig machen",
    text: "Mit dem Knopf gilt wieder Ihre bisherige E-Mail-Adresse. Ihr Konto wird überall abgemeldet.",
    button: "Meine Adresse wiederherstellen",
    done: "Ihre bisherige Adresse gilt wieder",
    doneText:
      "Ihr Konto ist überall abgemeldet. Wählen Sie jetzt ein neues Passwort, denn jemand kennt vielleicht das alte.",
    again: "Wenn Ihr Konto in Gefahr ist, wenden Sie sich an die Verwaltung.",
  },
  "forgot-password": {
    title: "Passwort vergessen",
    text: "Geben Sie die E-Mail-Adresse Ihres Kontos ein. Mit der Nachricht wählen Sie ein neues Passwort.",
    button: "Nachricht senden",
    done: "Ihr Passwort ist geändert",
  },
  sent: {
    title: "Sehen Sie in Ihr Postfach",
    text: "Wenn ein Konto diese Adresse hat, ist eine Nachricht unterwegs. Öffnen Sie deren Link, oder geben Sie den Code hier ein.",
    button: "Passwort speichern",
    other: "Neue Nachricht senden",
  },
  email: "E-Mail-Adresse",
  code: "Code",
  codeHint: "Die 8 Ziffern in der Nachricht.",
  username: "Benutzername (freiwillig)",
  usernameHint: "Lassen Sie das Feld leer, um den Namen zu behalten, der für Sie gewählt wurde.",
  password: "Neues Passwort",
  passwordHint: ({ minLength, maxLength }) =>
    `${minLength} bis ${maxLength} Zeichen, und nicht leicht zu erraten. Mehrere seltene Wörter eignen sich gut.`,
  showPassword: "Passwort anzeigen",
  signedIn: "Sie sind angemeldet. Sie können diese Seite schließen.",
  signedInHere: "Sie sind angemeldet.",
  signInNow: "Melden Sie sich mit dem neuen Passwort an.",
  continue: (host) => `Weiter zu ${host}`,
  forgotten: "Neues Passwort wählen",
  errorTitle: "Fehler: ",
  used: "Dieser Link gilt nicht mehr",
  usedText: "Er ist abgelaufen, wurde schon benutzt, oder eine neuere Nachricht hat ihn ersetzt.",
  missing: "Öffnen Sie den Link in der Nachricht",
  missingText: "Diese Seite braucht den ganzen Link. Wenn Sie die Seite neu geladen haben, öffnen Sie den Link noch einmal.",
  wrongCode: "Der Code ist falsch oder abgelaufen. Benutzen Sie den Code in der neuesten Nachricht.",
  tooManyCodes: "Dieser Code gilt nicht mehr. Fordern Sie eine neue Nachricht an.",
  offline: "Es gibt keine Verbindung zum Server. Prüfen Sie Ihr Netz, und versuchen Sie es noch einmal.",
  unavailable: "Der Server ist vorübergehend nicht verfügbar. Versuchen Sie es später noch einmal.",
  rateLimited: (duration) => `Zu viele Versuche. Versuchen Sie es in ${duration} noch einmal.`,
  noCookies: "Auf dieser Seite meldet der Server niemanden an. Geben Sie den Code aus der Nachricht dort ein, wo Sie sich anmelden möchten.",
  codes: {
    PASSWORD_TOO_SHORT: "Das Passwort ist zu kurz.",
    PASSWORD_TOO_LONG: "Das Passwort ist zu lang.",
    PASSWORD_TOO_WEAK: "Das Passwort ist leicht zu erraten. Mehrere seltene Wörter eignen sich gut.",
    EMAIL_INVALID: "Das ist keine E-Mail-Adresse.",
    EMAIL_TAKEN: "Ein anderes Konto hat diese Adresse bestätigt.",
    USERNAME_TAKEN: "Ein anderes Konto hat diesen Benutzernamen.",
    USERNAME_INVALID: "Dieser Benutzername enthält Zeichen, die nicht erlaubt sind.",
    ACCOUNT_DISABLED: "Die Verwaltung hat dieses Konto gesperrt.",
  },
};

const texts = { en, de };

/** The texts in the first language that both the browser and this file have, and the name of that language. */
export const language =
  navigator.languages.map((tag) => tag.slice(0, 2).toLowerCase()).find((name) => Object.hasOwn(texts, name)) ?? "en";
export const text = texts[language];

/** A number of seconds in words. */
export function duration(seconds) {
  const [count, unit] = seconds < 100 ? [seconds, "second"] : [Math.ceil(seconds / 60), "minute"];
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(count);
}
