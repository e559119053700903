/** The words of each mail. An application puts its own in place of single ones. */

import { compose, type MailContent, type MailFacts } from "./compose.ts"

export type MailPurpose =
  | "verify-email"
  | "sign-in-code"
  | "sign-in-link"
  | "reset-password"
  | "change-email"
  | "email-changed"
  | "already-registered"
  | "password-changed"
  | "invite"

/** A plain function; what it puts into `html` it escapes itself (`escapeHtml`). Secrets don't belong into the subject. */
export type MailTemplate = (facts: MailFacts) => MailContent

export type MailTemplates = Readonly<Record<MailPurpose, MailTemplate>>

export const defaultTemplates: MailTemplates = {
  "verify-email": (facts) =>
    compose(needs("link", facts), {
      subject: `Confirm your e-mail address for ${facts.projectName}`,
      opening: `An account at ${facts.projectName} was made with the address ${facts.email}. Confirm that the address is yours:`,
      action: "Confirm the address",
      otherwise: "If you didn't make this account, ignore this mail. The address then stays unconfirmed.",
    }),
  "sign-in-code": (facts) =>
    compose(needs("code", facts), {
      subject: `Your sign-in code for ${facts.projectName}`,
      opening: `Enter this code to sign in to ${facts.projectName} as ${facts.email}:`,
      otherwise:
        "If you didn't ask for a code, ignore this mail, and give the code to nobody: whoever has it can sign in.",
    }),
  "sign-in-link": (facts) =>
    compose(needs("link", facts), {
      subject: `Sign in to ${facts.projectName}`,
      opening: `Open this link to sign in to ${facts.projectName} as ${facts.email}:`,
      action: "Sign in",
      otherwise:
        "If you didn't ask for a link, ignore this mail, and pass it on to nobody: whoever has the link can sign in.",
    }),
  "reset-password": (facts) =>
    compose(needs("link", facts), {
      subject: `Choose a new password for ${facts.projectName}`,
      opening: `A new password was asked for, for the account ${facts.email} at ${facts.projectName}. Choose one here:`,
      action: "Choose a new password",
      otherwise: "If you didn't ask for this, ignore this mail. Your password stays as it is.",
    }),
  "change-email": (facts) =>
    compose(needs("link", facts), {
      subject: `Confirm your new e-mail address for ${facts.projectName}`,
      opening: `An account at ${facts.projectName} is to have the address ${facts.email} from now on. Confirm that the address is yours:`,
      action: "Confirm the new address",
      otherwise: "If you didn't ask for this, ignore this mail. The account then keeps the address that it has.",
    }),
  "email-changed": (facts) =>
    compose(facts, {
      subject: `Your e-mail address for ${facts.projectName} was changed`,
      opening: `Your account at ${facts.projectName} has another e-mail address now, in place of ${facts.email}.`,
      action: "Look at the account",
      otherwise: `If it wasn't you, write to ${facts.projectName} at once: whoever changed the address can sign in to the account.`,
    }),
  "already-registered": (facts) =>
    compose(facts, {
      subject: `You already have an account at ${facts.projectName}`,
      opening: `Somebody wanted to make an account at ${facts.projectName} with the address ${facts.email}, which has one already. If it was you, sign in${facts.link === undefined ? "" : " here"}; if you have forgotten the password, ask for a new one${facts.link === undefined ? "." : ":"}`,
      action: "Sign in",
      otherwise: "If it wasn't you, ignore this mail. Nothing about your account has changed.",
    }),
  "password-changed": (facts) =>
    compose(facts, {
      subject: `Your password for ${facts.projectName} was changed`,
      opening: `The password of the account ${facts.email} at ${facts.projectName} was changed, and other devices were signed out.`,
      action: "Choose a new password",
      otherwise: `If it wasn't you, ${facts.link === undefined ? "ask for a new password at once" : "choose a new password at once, by the link above"}, and look at the sessions and sign-in methods of your account.`,
    }),
  invite: (facts) =>
    compose(needs("link", facts), {
      subject: `Your account at ${facts.projectName}`,
      opening: `An account at ${facts.projectName} was made for you, with the address ${facts.email}. Set it up here:`,
      action: "Set up the account",
      otherwise: `If you don't know ${facts.projectName}, ignore this mail. Without the link nobody can use the account.`,
    }),
}

/** @throws TypeError when a mail would say nothing without it. */
function needs(part: "link" | "code", facts: MailFacts): MailFacts {
  if (facts[part] === undefined) throw new TypeError(`mail: this purpose needs a ${part}`)
  return facts
}
